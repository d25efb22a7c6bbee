--[[
  What an executor has. Said anew from time to time it stays known.
  KEYS[1] the hash of tools
  ARGV    1 prefix   2 now   3 -   4 'new': each contract replaces what is there; 'still': one that another executor has
          announced since stays
          5 the tools, JSON list of names and contracts, as texts   6 the names of conditions, JSON list
          7 those of queues, JSON list
  Replies ok
]]
--- include context
--- include announced

local set = ARGV[4] == 'new' and 'HSET' or 'HSETNX'
local contracts = cjson.decode(ARGV[5])
for at = 1, #contracts, 2 do
  redis.call(set, toolsKey, contracts[at], contracts[at + 1])
  noteAnnounced('tool', contracts[at])
end
for _, name in ipairs(cjson.decode(ARGV[6])) do
  redis.call('SADD', conditionsKey, name)
  noteAnnounced('condition', name)
end
for _, name in ipairs(cjson.decode(ARGV[7])) do noteAnnounced('queue', name) end
return { 'ok' }
