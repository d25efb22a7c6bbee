--[[
  A worker keeps the locks of its jobs: BullMQ's extendLocks, which a full Redis would refuse, and so hand out again what
  is well under way.
  KEYS[1] the queue's stalled jobs
  ARGV    1 prefix   2, 3 not used   4 the queue's base key   5 tokens   6 ids of jobs, both as BullMQ packs them   7 ms
  Replies the ids of those whose lock is another one's, or nobody's
]]
local prefix = ARGV[1]
--- include let-through

letThrough()
return extendLocks({ KEYS[1] }, { ARGV[4], ARGV[5], ARGV[6], ARGV[7] })
