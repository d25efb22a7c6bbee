--[[
  Keeps what an executor found that a revision's steps will do, while people are still to be asked: what stands with a plan
  that was approved could be read before it was.
  KEYS[1] the plan's hash
  ARGV    1 prefix   2 now   3 the plan's id   4 the revision   5 what was found, JSON text
  Replies ok | not_found | stale: the plan has another revision by now, or nobody is to be asked any more
]]
--- include context

local state = redis.call('HGET', KEYS[1] .. ':steps', '@')
if not state then return { 'not_found' } end
local status, revision = string.match(state, '^([^|]*)|[^|]*|(%d+)|')
if revision ~= ARGV[4] or (status ~= 'draft' and status ~= 'pending_approval') then return { 'stale' } end
redis.call('HSET', KEYS[1] .. ':review', 'at', time(), 'revision', ARGV[4], 'steps', ARGV[5])
return { 'ok' }
