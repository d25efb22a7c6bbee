--[[
  Has a delivery that has ended made again, under its id, with all attempts that a new one has.
  KEYS[1] the endpoint's hash   KEYS[2] the idempotency record
  ARGV    1 prefix   2 now   3 the endpoint's id   4 fingerprint and sending   5 seconds the record lives   6 the delivery's id
  Replies ok | repeat id | replay id answer | idempotency_conflict | not_found | wrong_state status: of the delivery, or disabled
]]
--- include context
--- include idempotency
--- include webhooks
--- include standard-job
--- include deliveries

local id = ARGV[6]
local replay = findReplay(KEYS[2], ARGV[4])
if replay then return replay end
local found = redis.call('HMGET', deliveryKey(id), 'status', 'type')
if not found[1] then return { 'not_found' } end
if found[1] == 'pending' then return { 'wrong_state', 'pending' } end
if redis.call('HGET', hookKey, 'enabled') ~= '1' and found[2] ~= 'webhook.test' then return { 'wrong_state', 'disabled' } end
rememberCall(KEYS[2], ARGV[4], id, ARGV[5])
moveDelivery(id, found[1], 'pending')
redis.call('HDEL', deliveryKey(id), 'endedAt', 'tries')
redis.call('RPUSH', waitingKey, id)
admitDeliveries()
return { 'ok' }
