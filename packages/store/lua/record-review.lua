--[[
  Keeps what an executor found that a revision's steps will do.
  KEYS[1] the plan's hash
  ARGV    1 prefix   2 now   3 the plan's id   4 the revision   5 what was found, JSON text
  Replies ok | not_found | stale: the plan has another revision by now
]]
--- include context

local state = redis.call('HGET', KEYS[1] .. ':steps', '@')
if not state then return { 'not_found' } end
if string.match(state, '^[^|]*|[^|]*|(%d+)|') ~= ARGV[4] then return { 'stale' } end
redis.call('HSET', KEYS[1] .. ':review', 'at', time(), 'revision', ARGV[4], 'steps', ARGV[5])
return { 'ok' }
