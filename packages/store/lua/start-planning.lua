--[[
  queued -> planning. A task that is planning already is taken over: its first planner went away, and what that one still
  records is refused.
  KEYS[1] the task's hash
  ARGV    1 prefix   2 now   3 the task's id   4 token
  Replies ok | not_found | wrong_state status
  Events  task.planning
]]
--- include clock

local taskKey, prefix, now, taskId, planId = KEYS[1], ARGV[1], clock(ARGV[2]), ARGV[3], ''
--- include task

local found = redis.call('HMGET', taskKey, 'status', 'token')
if not found[1] then return { 'not_found' } end
if found[1] == 'planning' and found[2] == ARGV[4] then return { 'ok' } end
if found[1] ~= 'queued' and found[1] ~= 'planning' then return { 'wrong_state', found[1] } end
moveTask(taskKey, taskId, found[1], 'planning')
redis.call('HSET', taskKey, 'token', ARGV[4])
emitForTask(taskKey, 'task.planning', { task = taskId }, found[1] == 'planning' and '{"takeover":true}' or '{}')
return { 'ok' }
