--[[
  Stores a task and queues its planning job.
  KEYS[1] the task's hash   KEYS[2] the idempotency record
  ARGV    1 prefix   2 now   3 the task's id   4 fingerprint and sending   5 seconds the record lives   6 actor
          7 the task's fields, JSON list of names and values
  Replies ok | repeat id | replay id answer | elsewhere shard | idempotency_conflict
  Events  task.queued
]]
--- include context
--- include idempotency

local taskKey, recordKey, taskId = KEYS[1], KEYS[2], ARGV[3]
--- include task
--- include planning-job

local replay = findReplay(recordKey, ARGV[4])
if replay then return replay end
if redis.call('EXISTS', taskKey) == 1 then return { 'ok' } end
redis.call('HSET', taskKey, 'id', taskId, 'status', 'queued', 'createdAt', time(), 'updatedAt', time(), unpack(cjson.decode(ARGV[7])))
redis.call('ZADD', prefix .. ':tasks', 0, taskId)
redis.call('ZADD', prefix .. ':tasks:queued', 0, taskId)
rememberCall(recordKey, ARGV[4], taskId, ARGV[5])
emitForTask(taskKey, 'task.queued', { task = taskId, actor = ARGV[6] })

addTaskJob(taskId, 1)
return { 'ok' }
