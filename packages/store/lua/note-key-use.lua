--[[
  Notes when a key was used. One that is gone by now does not come back.
  KEYS[1] the key's hash
  Replies ok | not_found
]]
--- include context

if redis.call('EXISTS', KEYS[1]) == 0 then return { 'not_found' } end
redis.call('HSET', KEYS[1], 'lastUsedAt', time())
return { 'ok' }
