--[[
  Sends an endpoint something to try it with, also while it is disabled.
  KEYS[1] the endpoint's hash   KEYS[2] the idempotency record
  ARGV    1 prefix   2 now   3 the endpoint's id   4 fingerprint and sending   5 seconds the record lives   6 the delivery's id
          7 its fields, JSON list of names and values
  Replies ok | repeat id | replay id answer | idempotency_conflict | not_found
]]
--- include context
--- include idempotency
--- include webhooks
--- include standard-job
--- include deliveries

local replay = findReplay(KEYS[2], ARGV[4])
if replay then return replay end
if redis.call('EXISTS', hookKey) == 0 then return { 'not_found' } end
rememberCall(KEYS[2], ARGV[4], ARGV[6], ARGV[5])
addDelivery(ARGV[6], cjson.decode(ARGV[7]))
return { 'ok' }
