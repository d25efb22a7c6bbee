--[[
  Changes an endpoint. Enabling it forgets what its deliveries met before.
  KEYS[1] the endpoint's hash
  ARGV    1 prefix   2 now   3 the endpoint's id   4 actor   5 the changed fields, JSON list of names and values
  Replies ok | not_found
]]
--- include context
--- include webhooks

if redis.call('EXISTS', hookKey) == 0 then return { 'not_found' } end
local before = redis.call('HGET', hookKey, 'enabled')
redis.call('HSET', hookKey, 'updatedAt', timeText(), unpack(cjson.decode(ARGV[5])))
local after = redis.call('HGET', hookKey, 'enabled')
if after == '1' and before == '0' then redis.call('HDEL', hookKey, 'disabledReason', 'failures', 'deadInARow') end
if after == '0' and before == '1' then redis.call('HSET', hookKey, 'disabledReason', 'disabled by ' .. ARGV[4]) end
refreshWanted()
return { 'ok' }
