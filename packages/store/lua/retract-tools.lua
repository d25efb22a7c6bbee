--[[
  Tools that an executor had and has no more.
  KEYS[1] the hash of tools
  ARGV    1 prefix   2 now   3 -   4.. their names
  Replies ok
]]
--- include context
--- include announced

for at = 4, #ARGV do
  redis.call('HDEL', toolsKey, ARGV[at])
  redis.call('ZREM', announcedKey, 'tool:' .. ARGV[at])
end
return { 'ok' }
