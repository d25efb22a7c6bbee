--[[
  Adds the job of what a plan asks of the planner again when the one it had will not be delivered any more.
  KEYS[1] the plan's hash
  ARGV    4 ms that the request must be old
  Replies ok why | busy | not_found | wrong_state status
]]
--- include context
--- include events
--- include plan
--- include requests
--- include lost

if not loadPlan() then return { 'not_found' } end
if not openRequestKind() then
  redis.call('ZREM', prefix .. ':plans:asking', planId)
  return { 'wrong_state', 'dropped' }
end
local found = redis.call('HMGET', planKey, 'requestNumber', 'requestJobs', 'requestAt')
if time() - found[3] < tonumber(ARGV[4]) then return { 'busy' } end
local why = lossOf('planning', requestJobId(found[1], tonumber(found[2])))
if not why then return { 'busy' } end
addRequestJob(found[1], redis.call('HINCRBY', planKey, 'requestJobs', 1))
return { 'ok', why }
