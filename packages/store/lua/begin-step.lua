--[[
  The last look before a tool is called; keeps the resolved input.
  KEYS[1] the plan's hash
  ARGV    4 step   5 token   6 resolved input, JSON text or ''
  Replies ok | not_found | plan_not_executing | plan_stopping | stale_token
]]
local planKey = KEYS[1]
local state = redis.call('HGET', planKey .. ':steps', '@')
if not state then return { 'not_found' } end
local found = { string.match(state, '^([^|]*)|([^|]*)|(%d+)|') }

-- Whether there is such a step at all is looked up only for a call that is refused anyway.
local function refuse(word)
  local known = redis.call('HEXISTS', planKey .. ':graph:' .. found[3], ARGV[4]) == 1
  return { known and word or 'not_found' }
end

if found[1] ~= 'executing' and found[1] ~= 'paused' then return refuse('plan_not_executing') end
if found[2] ~= '' then return refuse('plan_stopping') end
local text = redis.call('HGET', planKey .. ':steps', ARGV[4])
if string.match(text or '', '^running|%d+|%d+|%d+|([^|]*)|') ~= ARGV[5] then return refuse('stale_token') end
if ARGV[6] ~= '' then redis.call('HSET', planKey .. ':steps', 'input:' .. ARGV[4], ARGV[6]) end
return { 'ok' }
