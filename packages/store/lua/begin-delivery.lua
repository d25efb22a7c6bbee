--[[
  An executor has a delivery's job: may it be sent, and what is sent where. One that comes out of its backoff needs a place
  again, and waits at the front where there is none.
  KEYS[1] the endpoint's hash
  ARGV    1 prefix   2 now   3 the endpoint's id   4 the delivery's id   5 the number of its job
  Replies ok url secret oldSecrets type body tries | parked | gone | stale | delivered | dead | disabled: it died of that
]]
--- include context
--- include webhooks
--- include standard-job
--- include deliveries

local id = ARGV[4]
local found = redis.call('HMGET', deliveryKey(id), 'status', 'job', 'type', 'body', 'tries')
if found[1] ~= 'pending' then
  -- What has ended needs no place, however it came to one.
  leavePlace(id)
  admitDeliveries()
  return { found[1] or 'gone' }
end
if found[2] ~= ARGV[5] then return { 'stale' } end
local hook = redis.call('HMGET', hookKey, 'enabled', 'url', 'secret', 'oldSecrets')
if hook[1] ~= '1' and found[3] ~= 'webhook.test' then
  redis.call('HSET', deliveryKey(id), 'error', 'not tried: the webhook is disabled')
  endDelivery(id, 'dead')
  leavePlace(id)
  admitDeliveries()
  return { 'disabled' }
end
if redis.call('SISMEMBER', placesKey, id) == 0 then
  -- It waits already: the reply that said so was lost, or whoever had the job went away with it.
  if not redis.call('ZSCORE', jobsKey, id) and redis.call('LPOS', waitingKey, id) then return { 'parked' } end
  if freePlaces() <= 0 then
    redis.call('LPUSH', waitingKey, id)
    redis.call('ZREM', jobsKey, id)
    return { 'parked' }
  end
  redis.call('SADD', placesKey, id)
end
return { 'ok', hook[2], hook[3], hook[4] or '', found[3], found[4], found[5] or '0' }
