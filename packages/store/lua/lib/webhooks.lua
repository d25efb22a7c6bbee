--[[
  Endpoints of webhooks. `webhook:<id>` is the endpoint, `webhooks` has the ids of all. All of it lies in the home shard.
]]
local hookKey, hookId = KEYS[1], ARGV[3]

-- What all enabled endpoints want together. Every shard has a copy, and the version says whether it is this one.
local function refreshWanted()
  local seen, types = {}, {}
  for _, id in ipairs(redis.call('ZRANGE', prefix .. ':webhooks', 0, -1)) do
    local found = redis.call('HMGET', prefix .. ':webhook:' .. id, 'enabled', 'wants')
    if found[1] == '1' then
      for type in string.gmatch(found[2], '[^|]+') do
        if not seen[type] then types[#types + 1] = type end
        seen[type] = true
      end
    end
  end
  table.sort(types)
  local wantedKey = prefix .. ':hooks:wanted'
  local wanted = #types > 0 and '|' .. table.concat(types, '|') .. '|' or false
  if wanted == redis.call('GET', wantedKey) then return end
  if wanted then redis.call('SET', wantedKey, wanted) else redis.call('DEL', wantedKey) end
  redis.call('INCR', prefix .. ':hooks:version')
end

local function disableHook(reason)
  redis.call('HSET', hookKey, 'enabled', '0', 'disabledReason', reason, 'updatedAt', timeText())
  refreshWanted()
end
