--[[
  Writes down how far a migration is, and what layout it has come to. Only whoever holds the lock may, and holds it anew.
  KEYS[1] the layout's hash   KEYS[2] its lock
  ARGV    1 prefix   2 now   3 ''   4 the holder's token   5 ms that the lock lives from now on, 0 to let go of it
          6 fields to set, JSON list of names and values   7 fields to remove, JSON list
  Replies ok | lost: somebody else holds the lock, nothing was written
]]
local layoutKey, lockKey, token, lockMs = KEYS[1], KEYS[2], ARGV[4], tonumber(ARGV[5])

if redis.call('GET', lockKey) ~= token then return { 'lost' } end
local set, removed = cjson.decode(ARGV[6]), cjson.decode(ARGV[7])
if #set > 0 then redis.call('HSET', layoutKey, unpack(set)) end
if #removed > 0 then redis.call('HDEL', layoutKey, unpack(removed)) end
if lockMs > 0 then redis.call('PEXPIRE', lockKey, lockMs) else redis.call('DEL', lockKey) end
return { 'ok' }
