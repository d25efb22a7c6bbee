--[[
  A planner that shuts down lets go of a request: the next one takes it over, and that does not count as a loss.
  KEYS[1] the plan's hash
  ARGV    4 number of the request   5 token
  Replies ok | not_found | wrong_state status | stale_token
]]
--- include context
--- include events
--- include plan
--- include requests

if not loadPlan() then return { 'not_found' } end
local refusal = checkRequest(ARGV[4], ARGV[5])
if refusal then return refusal end
redis.call('HINCRBY', planKey, 'requestTakeovers', -1)
return { 'ok' }
