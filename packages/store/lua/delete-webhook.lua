--[[
  Removes an endpoint with its deliveries. Executors that have one of them find nothing and drop it.
  KEYS[1] the endpoint's hash
  ARGV    1 prefix   2 now   3 the endpoint's id
  Replies ok | not_found
]]
--- include context
--- include webhooks

if redis.call('EXISTS', hookKey) == 0 then return { 'not_found' } end
local deliveries = hookKey .. ':deliveries'
for _, id in ipairs(redis.call('ZRANGE', deliveries, 0, -1)) do redis.call('DEL', hookKey .. ':delivery:' .. id) end
redis.call('DEL', hookKey, hookKey .. ':waiting', hookKey .. ':places', hookKey .. ':jobs',
  deliveries, deliveries .. ':pending', deliveries .. ':delivered', deliveries .. ':dead')
redis.call('ZREM', prefix .. ':webhooks', hookId)
refreshWanted()
return { 'ok' }
