--[[
  A planner takes what a plan asks of it, or takes it over from one that went away.
  KEYS[1] the plan's hash
  ARGV    4 number of the request   5 token   6 takeovers that are too many
  Replies ok | not_found | wrong_state status
]]
--- include context
--- include events
--- include plan
--- include requests
--- include fail-request

local number, token = ARGV[4], ARGV[5]
if not loadPlan() then return { 'not_found' } end
local found = redis.call('HMGET', planKey, 'requestNumber', 'requestStatus', 'requestToken')
if found[1] ~= number then return { 'wrong_state', 'dropped' } end
if found[2] ~= 'queued' and found[2] ~= 'planning' then return { 'wrong_state', found[2] } end
if found[3] == token then return { 'ok' } end
if found[2] == 'planning' and redis.call('HINCRBY', planKey, 'requestTakeovers', 1) >= tonumber(ARGV[6]) then
  failRequest(cjson.encode({ code = 'planner_lost', message = 'gave up: ' .. ARGV[6] .. ' planners went away while they worked on this', detail = { takeovers = tonumber(ARGV[6]) } }))
  return { 'wrong_state', 'failed' }
end
redis.call('HSET', planKey, 'requestStatus', 'planning', 'requestToken', token)
return { 'ok' }
