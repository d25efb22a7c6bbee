--[[
  planning -> failed, with the reason.
  KEYS[1] the task's hash
  ARGV    1 prefix   2 now   3 the task's id   4 token   5 the error, JSON text
  Replies ok | not_found | wrong_state:status | stale_token
  Events  task.failed
]]
--- include context

local taskKey, taskId = KEYS[1], ARGV[3]
--- include task

local refusal = checkPlanner(taskKey, ARGV[4])
if refusal then return { refusal } end
moveTask(taskKey, taskId, 'planning', 'failed')
redis.call('HSET', taskKey, 'error', ARGV[5])
emitForTask(taskKey, 'task.failed', { task = taskId }, '{"error":' .. ARGV[5] .. '}')
return { 'ok' }
