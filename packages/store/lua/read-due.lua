--[[
  What a clock has to do by now, the oldest first. Writes nothing.
  KEYS[1] the index of what is due
  ARGV    1 prefix   2 now   3 -   4 how many at most
  Replies members of the index
]]
--- include context

return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', timeText(), 'LIMIT', 0, ARGV[4])
