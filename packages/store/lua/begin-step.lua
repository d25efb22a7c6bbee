--[[
  The last look before a tool is called; keeps the resolved input.
  KEYS[1] the plan's hash
  ARGV    4 step   5 token   6 resolved input, JSON text or ''
  Replies ok | not_found | plan_not_executing | not_approved | plan_stopping | stale_token
]]
local planKey = KEYS[1]
local states = redis.call('HMGET', planKey .. ':steps', '@', '=')
local state = states[1]
if not state then return { 'not_found' } end
local found = { string.match(state, '^([^|]*)|([^|]*)|(%d+)|') }
local text = redis.call('HGET', planKey .. ':steps', ARGV[4])

-- What the revision says of the step: looked up only for a call that is out of the ordinary.
local function node()
  return redis.call('HGET', planKey .. ':graph:' .. found[3], string.match(ARGV[4], '^[^%[]+'))
end

-- A child of a step that has ended cleans up for nobody any more.
local ENDED = { completed = true, failed = true, skipped = true, cancelled = true }

local function isCleanUp()
  local parent = string.match(ARGV[4], '^([^%[]+)%[')
  local state = parent and redis.call('HGET', planKey .. ':steps', parent) or ''
  if ENDED[string.match(state, '^[^|]*')] then return false end
  return string.find(node() or '', '^%d+|[^|]*|[^|]*|%d+|all_done|')
end

local function refuse(word)
  local isChild = string.find(ARGV[4], '[', 1, true)
  return { node() and (text or not isChild) and word or 'not_found' }
end

if found[1] ~= 'executing' and found[1] ~= 'paused' then return refuse('plan_not_executing') end
if states[2] ~= found[3] then return refuse('not_approved') end
if found[2] ~= '' and not isCleanUp() then return refuse('plan_stopping') end
if string.match(text or '', '^running|%d+|%d+|%d+|([^|]*)|') ~= ARGV[5] then return refuse('stale_token') end
if ARGV[6] ~= '' then redis.call('HSET', planKey .. ':steps', 'input:' .. ARGV[4], ARGV[6]) end
return { 'ok' }
