--[[
  An endpoint is to be told of something: the delivery gets a place and its job, or waits for one. The same delivery, named
  again, changes nothing.
  KEYS[1] the endpoint's hash
  ARGV    1 prefix   2 now   3 the endpoint's id   4 the delivery's id   5 its fields, JSON list of names and values
  Replies ok | known | gone | disabled
]]
--- include context
--- include webhooks
--- include standard-job
--- include deliveries

local enabled = redis.call('HGET', hookKey, 'enabled')
if not enabled then return { 'gone' } end
if redis.call('EXISTS', deliveryKey(ARGV[4])) == 1 then return { 'known' } end
if enabled ~= '1' then return { 'disabled' } end
addDelivery(ARGV[4], cjson.decode(ARGV[5]))
return { 'ok' }
