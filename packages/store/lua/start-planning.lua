--[[
  queued -> planning. A task that is planning already is taken over: its first planner went away, and what that one still
  records is refused. A task that took down its planner too often is given up.
  KEYS[1] the task's hash
  ARGV    1 prefix   2 now   3 the task's id   4 token   5 takeovers that are too many
  Replies ok | not_found | wrong_state status
  Events  task.planning | task.failed
]]
--- include context

local taskKey, taskId = KEYS[1], ARGV[3]
--- include task

local found = redis.call('HMGET', taskKey, 'status', 'token')
if not found[1] then return { 'not_found' } end
if found[1] == 'planning' and found[2] == ARGV[4] then return { 'ok' } end
if found[1] ~= 'queued' and found[1] ~= 'planning' then return { 'wrong_state', found[1] } end
if found[1] == 'planning' and redis.call('HINCRBY', taskKey, 'takeovers', 1) >= tonumber(ARGV[5]) then
  local failure = cjson.encode({ code = 'planner_lost', message = 'gave up: ' .. ARGV[5] .. ' planners went away while they worked on this task', detail = { takeovers = tonumber(ARGV[5]) } })
  moveTask(taskKey, taskId, 'planning', 'failed')
  redis.call('HSET', taskKey, 'error', failure)
  emitForTask(taskKey, 'task.failed', { task = taskId }, '{"error":' .. failure .. '}')
  return { 'wrong_state', 'failed' }
end
moveTask(taskKey, taskId, found[1], 'planning')
redis.call('HSET', taskKey, 'token', ARGV[4])
emitForTask(taskKey, 'task.planning', { task = taskId }, found[1] == 'planning' and '{"takeover":true}' or '{}')
return { 'ok' }
