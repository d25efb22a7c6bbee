--[[
  What a plan asked of the planner could not be answered.
  KEYS[1] the plan's hash
  ARGV    4 number of the request   5 token   6 the error, JSON text
  Replies ok | not_found | wrong_state status | stale_token
]]
--- include context
--- include events
--- include plan
--- include requests
--- include fail-request

if not loadPlan() then return { 'not_found' } end
local refusal = checkRequest(ARGV[4], ARGV[5])
if refusal then return refusal end
failRequest(ARGV[6])
return { 'ok' }
