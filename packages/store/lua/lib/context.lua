--[[
  What every command on a plan starts with.
  KEYS[1] the plan's hash; all other keys of the plan are this key and a suffix, so they share its hash slot
  ARGV[1] the store's key prefix   ARGV[2] now in ms, '' for Redis's own clock   ARGV[3] the plan's id
]]
local planKey, prefix, planId = KEYS[1], ARGV[1], ARGV[3]
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
