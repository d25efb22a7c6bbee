--[[
  The summary of a plan that has ended becomes its response.
  KEYS[1] the plan's hash
  ARGV    4 number of the request   5 token   6 the response
  Replies ok | not_found | wrong_state status | stale_token
]]
--- include context
--- include events
--- include plan
--- include requests

if not loadPlan() then return { 'not_found' } end
local refusal = checkRequest(ARGV[4], ARGV[5])
if refusal then return refusal end
redis.call('HSET', planKey, 'response', ARGV[6])
closeRequest('done')
savePlan()
return { 'ok' }
