--[[
  queued, planning -> cancelled. The planner that works on it finds out, and what it records is refused.
  KEYS[1] the task's hash   KEYS[2] the idempotency record
  ARGV    1 prefix   2 now   3 the task's id   4 fingerprint and sending   5 seconds the record lives   6 actor
  Replies ok | repeat id | replay id answer | idempotency_conflict | not_found | wrong_state status
  Events  task.cancelled
]]
--- include context
--- include idempotency

local taskKey, taskId = KEYS[1], ARGV[3]
--- include task
--- include let-through

local replay = findReplay(KEYS[2], ARGV[4])
if replay then return replay end
local status = redis.call('HGET', taskKey, 'status')
if not status then return { 'not_found' } end
if status ~= 'queued' and status ~= 'planning' then return { 'wrong_state', status } end
letThrough()
rememberCall(KEYS[2], ARGV[4], taskId, ARGV[5])
moveTask(taskKey, taskId, status, 'cancelled')
emitForTask(taskKey, 'task.cancelled', { task = taskId, actor = ARGV[6] })
return { 'ok' }
