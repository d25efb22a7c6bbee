--[[
  From now on the key is refused. To revoke it again changes nothing: what was said first stays.
  KEYS[1] the key's hash
  ARGV    1 prefix   2 now   3 the key's id   4 actor   5 ms that it can still be read
  Replies ok | not_found
]]
--- include context
--- include let-through

local keyKey = KEYS[1]

if redis.call('EXISTS', keyKey) == 0 then return { 'not_found' } end
if redis.call('HEXISTS', keyKey, 'revokedAt') == 1 then return { 'ok' } end
letThrough()
redis.call('HSET', keyKey, 'revokedAt', time(), 'revokedBy', ARGV[4])
redis.call('PEXPIRE', keyKey, ARGV[5])
return { 'ok' }
