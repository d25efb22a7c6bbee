--[[
  Forgets tools and conditions that no executor has announced for long. Queues are only told of: they may have jobs.
  What was announced to a release that kept no times counts from now on.
  KEYS[1] the hash of tools
  ARGV    1 prefix   2 now   3 -   4 ms for which they are kept
  Replies members of the index: those that are forgotten, and queues
]]
--- include context
--- include announced

for _, name in ipairs(redis.call('HKEYS', toolsKey)) do redis.call('ZADD', announcedKey, 'NX', timeText(), 'tool:' .. name) end
for _, name in ipairs(redis.call('SMEMBERS', conditionsKey)) do redis.call('ZADD', announcedKey, 'NX', timeText(), 'condition:' .. name) end
local gone = redis.call('ZRANGEBYSCORE', announcedKey, '-inf', string.format('(%d', time() - ARGV[4]), 'LIMIT', 0, 1000)
for _, member in ipairs(gone) do
  local kind, name = string.match(member, '^(%l+):(.*)$')
  if kind == 'tool' then redis.call('HDEL', toolsKey, name) end
  if kind == 'condition' then redis.call('SREM', conditionsKey, name) end
  if kind ~= 'queue' then redis.call('ZREM', announcedKey, member) end
end
return gone
