--[[
  What every command starts with.
  KEYS[1] the hash of the plan (of the task, in a task's commands); all its other keys are this key and a suffix
  ARGV[1] the store's key prefix   ARGV[2] now in ms, '' for Redis's own clock   ARGV[3] the plan's or task's id
]]
local planKey, prefix, planId = KEYS[1], ARGV[1], ARGV[3]
local now = tonumber(ARGV[2])

-- Now, in ms. Asked of Redis at most once, and not at all where an event was appended before: its id has the time.
local function time()
  if not now then
    local clock = redis.call('TIME')
    now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  end
  return now
end

-- The same as text, for states and arguments.
local function timeText()
  return string.format('%d', time())
end
--- include hooks
