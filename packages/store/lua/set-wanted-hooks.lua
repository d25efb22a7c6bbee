--[[
  Tells a shard what webhooks want, unless somebody else has told it meanwhile.
  KEYS[1] the wanted types   KEYS[2] which state of them the shard has
  ARGV    4 the state that it had   5 the new one   6 the wanted types, each between bars; '' for none
  Replies ok | stale
]]
if (redis.call('GET', KEYS[2]) or '0') ~= ARGV[4] then return { 'stale' } end
redis.call('SET', KEYS[2], ARGV[5])
if ARGV[6] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[6]) end
return { 'ok' }
