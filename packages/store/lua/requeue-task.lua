--[[
  Adds a task's planning job again when the one it had will not be delivered any more. The task's status stays as it is:
  the planner that takes the job starts it, or takes it over.
  KEYS[1] the task's hash
  ARGV    1 prefix   2 now   3 the task's id   4 ms that the task must have been at rest
  Replies ok why | busy | not_found | wrong_state status
]]
--- include context
--- include lost
--- include planning-job

local taskKey, taskId, restMs = KEYS[1], ARGV[3], tonumber(ARGV[4])
local found = redis.call('HMGET', taskKey, 'status', 'updatedAt', 'jobs')
if not found[1] then return { 'not_found' } end
if found[1] ~= 'queued' and found[1] ~= 'planning' then return { 'wrong_state', found[1] } end
if time() - found[2] < restMs then return { 'busy' } end
local number = tonumber(found[3] or 1)
local why = lossOf('planning', planningJobId(taskId, number))
if not why then return { 'busy' } end
redis.call('HSET', taskKey, 'jobs', number + 1, 'updatedAt', timeText())
addTaskJob(taskId, number + 1)
return { 'ok', why }
