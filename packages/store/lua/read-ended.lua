--[[
  What has ended, the first that did first, and how much there is of it. Writes nothing.
  KEYS[1] an index of what has ended
  ARGV    1 prefix   2 now   3 -   4 how many at most
  Replies now, how many there are, and of each its id and when it ended, in ms
]]
--- include context

local reply = { timeText(), redis.call('ZCARD', KEYS[1]) }
for _, each in ipairs(redis.call('ZRANGE', KEYS[1], 0, ARGV[4] - 1, 'WITHSCORES')) do reply[#reply + 1] = each end
return reply
