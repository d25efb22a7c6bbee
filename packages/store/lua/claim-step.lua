--[[
  An executor takes a step that the queue delivered to it: the usual case, and quick. Anything but a queued step of an
  executing plan whose revision was approved is left to claim-step-anyhow, and so are the children of forEach steps, which the plan does not count.
  KEYS[1] the plan's hash   KEYS[2] the lock of the job; none: it was taken in this same script, or there is no job
  ARGV    1 prefix   2 now   3 the plan's id   4 step   5 generation   6 delivery   7 token   8 executor, JSON text   10 what the lock must hold
  Replies claimed revision attempt taskId | unusual
  Events  step.started
]]
local planKey, prefix, planId, id = KEYS[1], ARGV[1], ARGV[3], ARGV[4]
--- include hooks
local stepsKey = planKey .. ':steps'
if KEYS[2] and redis.call('GET', KEYS[2]) ~= ARGV[10] then return { 'unusual' } end
local states = redis.call('HMGET', stepsKey, '@', id, '=')
-- executing and not stopping: the part up to the count of running steps, that count, the part up to the time, the weight, the task.
local head, revision, places, running, tail, weight, taskId =
  string.match(states[1] or '', '^(executing||)(%d+)(|%d+|%d+|%d+|%d+|)(%d+)(|%d+|%d+|%d+|%d+|)%d+(|%d+|)(.*)$')
if not head or states[3] ~= revision or string.find(id, '[', 1, true) then return { 'unusual' } end
local attempt, crashes, startedAt =
  string.match(states[2] or '', '^queued|(%d+)|' .. ARGV[5] .. '|' .. ARGV[6] .. '|[^|]*|(%d+)|0|(%d+)|')
if not attempt then return { 'unusual' } end

attempt = attempt + 1
local event = 'step.started|' .. id .. '|' .. attempt .. '|' .. revision .. '|'
local eventId = redis.call('XADD', planKey .. ':events', '*', 'e', event, 'd', '{"executor":' .. ARGV[8] .. '}')
offerHook('p', planId, eventId, event)
-- The event's id has the time, unless the caller has a clock of its own.
local now = ARGV[2] ~= '' and ARGV[2] or string.match(eventId, '^%d+')
if startedAt == '0' then startedAt = now end
redis.call('HSET', stepsKey,
  id, 'running|' .. attempt .. '|' .. ARGV[5] .. '|' .. ARGV[6] .. '|' .. ARGV[7] .. '|' .. crashes .. '|0|' .. startedAt .. '|0||',
  '@', head .. revision .. places .. (running + 1) .. tail .. now .. weight .. taskId)

return { 'claimed', revision, attempt, taskId }
