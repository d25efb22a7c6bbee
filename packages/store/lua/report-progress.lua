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
local revision = string.match(redis.call('HGET', planKey .. ':steps', '@') or '', '^[^|]*|[^|]*|(%d+)|')
if not revision then return { 'not_found' } end
local text = redis.call('HGET', planKey .. ':steps', id)
local attempt, token = string.match(text or '', '^running|(%d+)|%d+|%d+|([^|]*)|')
if token ~= ARGV[5] then return { 'stale_token' } end
eventRevision = revision
redis.call('HSET', planKey .. ':steps', 'progress:' .. id, ARGV[6])
emit('step.progress', { step = id, attempt = attempt }, ARGV[6])
return { 'ok' }
