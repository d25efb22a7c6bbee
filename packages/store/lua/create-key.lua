--[[
  Stores an API key: its name, roles and the digest of its secret.
  KEYS[1] the key's hash   KEYS[2] the idempotency record
  ARGV    1 prefix   2 now   3 the key's id   4 fingerprint and sending   5 seconds the record lives
          6 the key's fields, JSON list of names and values   7 when it is forgotten, ms, '' for never
  Replies ok | repeat id | replay id answer | idempotency_conflict
]]
--- include context
--- include idempotency

local keyKey, recordKey, keyId = KEYS[1], KEYS[2], ARGV[3]

local replay = findReplay(recordKey, ARGV[4])
if replay then return replay end
redis.call('HSET', keyKey, 'id', keyId, 'createdAt', time(), unpack(cjson.decode(ARGV[6])))
if ARGV[7] ~= '' then redis.call('PEXPIREAT', keyKey, ARGV[7]) end
redis.call('ZADD', prefix .. ':keys', 0, keyId)
rememberCall(recordKey, ARGV[4], keyId, ARGV[5])
return { 'ok' }
