--[[
  A queue is not announced any more, unless an executor has just done so again.
  KEYS[1] the index of what executors have announced
  ARGV    1 prefix   2 now   3 -   4 the queue's name   5 ms for which it was kept
  Replies ok | announced
]]
--- include context

local member = 'queue:' .. ARGV[4]
local at = redis.call('ZSCORE', KEYS[1], member)
if at and at + ARGV[5] >= time() then return { 'announced' } end
redis.call('ZREM', KEYS[1], member)
return { 'ok' }
