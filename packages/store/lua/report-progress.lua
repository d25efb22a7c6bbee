--[[
  How far a running step is. Followers of the plan see a step.progress event; the plan shows the last report.
  KEYS[1] the plan's hash
  ARGV    4 step   5 token   6 the report, JSON text
  Replies ok | not_found | stale_token
  Events  step.progress
]]
--- include context
--- include events

local id = ARGV[4]
local found = redis.call('HMGET', planKey, 'revision')
if not found[1] then return { 'not_found' } end
local text = redis.call('HGET', planKey .. ':steps', id)
local attempt, token = string.match(text or '', '^running|(%d+)|%d+|%d+|([^|]*)|')
if token ~= ARGV[5] then return { 'stale_token' } end
eventRevision = found[1]
redis.call('HSET', planKey .. ':steps', 'progress:' .. id, ARGV[6])
emit('step.progress', { step = id, attempt = attempt }, ARGV[6])
announce()
return { 'ok' }
