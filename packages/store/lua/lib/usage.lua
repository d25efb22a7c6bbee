--[[
  What models took, counted on a task's hash until it has a plan, then on the plan's:
    calls | inputTokens | outputTokens | costMicros (millionths of a US dollar; absent where no prices are set)
]]
local USAGE = { 'calls', 'inputTokens', 'outputTokens', 'costMicros' }

-- `asked` is '1' for a round that asked a model; its tokens and cost are '' where they are not known.
local function addUsage(key, asked, input, output, micros)
  if asked ~= '1' then return end
  redis.call('HINCRBY', key, 'calls', 1)
  if input ~= '' then redis.call('HINCRBY', key, 'inputTokens', input) end
  if output ~= '' then redis.call('HINCRBY', key, 'outputTokens', output) end
  if micros ~= '' then redis.call('HINCRBY', key, 'costMicros', micros) end
end

local function copyUsage(from, to)
  local values = redis.call('HMGET', from, unpack(USAGE))
  for at, name in ipairs(USAGE) do
    if values[at] then redis.call('HSET', to, name, values[at]) end
  end
end
