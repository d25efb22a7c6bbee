--[[
  Keeps the highest number of shards that anybody ever created plans in: they may lie in each of them.
  KEYS[1] the number, in the home shard
  ARGV    4 the number of shards that a process creates plans in
  Replies the highest number
]]
local key, count = KEYS[1], tonumber(ARGV[4])
local highest = tonumber(redis.call('GET', key) or 0)
if count > highest then
  redis.call('SET', key, count)
  highest = count
end
return { highest }
