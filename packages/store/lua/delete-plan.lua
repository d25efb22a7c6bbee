--[[
  Removes an ended plan with all that belongs to it. Its events in the stream of all plans go when that stream is trimmed.
  KEYS[1] the plan's hash
  Replies ok | not_found | wrong_state status
]]
--- include context
--- include events
--- include plan

if not loadPlan() then return { 'not_found' } end
if not ENDED[plan.status] then return { 'wrong_state', plan.status } end
for revision = 1, tonumber(plan.revision) do
  redis.call('DEL', planKey .. ':rev:' .. revision, planKey .. ':graph:' .. revision)
end
redis.call('DEL', planKey, eventsKey, planKey .. ':steps', planKey .. ':waits', planKey .. ':ready', planKey .. ':votes', planKey .. ':rounds', planKey .. ':review')
redis.call('ZREM', prefix .. ':plans', planId)
redis.call('ZREM', prefix .. ':plans:asking', planId)
redis.call('ZREM', prefix .. ':plans:ended', planId)
redis.call('ZREM', prefix .. ':plans:' .. plan.status, planId)
return { 'ok' }
