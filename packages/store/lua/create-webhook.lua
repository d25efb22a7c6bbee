--[[
  Stores an endpoint.
  KEYS[1] the endpoint's hash   KEYS[2] the idempotency record
  ARGV    1 prefix   2 now   3 the endpoint's id   4 fingerprint and sending   5 seconds the record lives   6 endpoints that there may be
          7 its fields, JSON list of names and values
  Replies ok | repeat id | replay id answer | idempotency_conflict | too_many
]]
--- include context
--- include idempotency
--- include webhooks

local replay = findReplay(KEYS[2], ARGV[4])
if replay then return replay end
if redis.call('EXISTS', hookKey) == 0 then
  if redis.call('ZCARD', prefix .. ':webhooks') >= tonumber(ARGV[6]) then return { 'too_many' } end
  redis.call('HSET', hookKey, 'id', hookId, 'createdAt', timeText(), 'updatedAt', timeText(), unpack(cjson.decode(ARGV[7])))
  redis.call('ZADD', prefix .. ':webhooks', 0, hookId)
  rememberCall(KEYS[2], ARGV[4], hookId, ARGV[5])
end
refreshWanted()
return { 'ok' }
