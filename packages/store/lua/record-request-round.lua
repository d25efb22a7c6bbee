--[[
  Keeps one round of a planner on what a plan asks of it.
  KEYS[1] the plan's hash
  ARGV    4 number of the request   5 token   6 the round, JSON text
          7 '1' for a round that asked a model   8 tokens in   9 tokens out   10 millionths of a dollar; '' where not known
  Replies ok | not_found | wrong_state status | stale_token
]]
--- include context
--- include events
--- include plan
--- include requests
--- include usage

if not loadPlan() then return { 'not_found' } end
local refusal = checkRequest(ARGV[4], ARGV[5])
if refusal then return refusal end
-- The reply was lost, and the connection sent it again: what it cost is counted once.
if redis.call('LINDEX', planKey .. ':rounds', -1) == ARGV[6] then return { 'ok' } end
redis.call('RPUSH', planKey .. ':rounds', ARGV[6])
addUsage(planKey, ARGV[7], ARGV[8], ARGV[9], ARGV[10])
return { 'ok' }
