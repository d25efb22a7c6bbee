--[[
  Says in which shard a call that creates something is carried out, and keeps to it: when the call is repeated, perhaps by
  a process that knows of more shards, it must not create a second thing elsewhere.
  KEYS[1] the idempotency record in the home shard
  ARGV    4 the shard that it would be carried out in now   5 seconds the record lives
  Replies the number of the shard
]]
local recordKey, wanted, seconds = KEYS[1], ARGV[4], ARGV[5]
local found = redis.call('HMGET', recordKey, 'fingerprint', 'shard')
-- Carried out here, when there was one shard.
if found[1] then return { '0' } end
redis.call('HSET', recordKey, 'shard', found[2] or wanted)
-- Anew each time: it must outlive the record in that shard.
redis.call('EXPIRE', recordKey, seconds)
return { found[2] or wanted }
