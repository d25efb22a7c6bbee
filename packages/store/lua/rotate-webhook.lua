--[[
  Gives an endpoint another secret. The one before, and those before it whose time is not up, sign along for a while.
  KEYS[1] the endpoint's hash   KEYS[2] the idempotency record
  ARGV    1 prefix   2 now   3 the endpoint's id   4 fingerprint and sending   5 seconds the record lives   6 the new secret
          7 ms that the old one signs along   8 old secrets that may sign along
  Replies ok | repeat id | replay id answer | idempotency_conflict | not_found
]]
--- include context
--- include idempotency
--- include webhooks

local replay = findReplay(KEYS[2], ARGV[4])
if replay then return replay end
local found = redis.call('HMGET', hookKey, 'secret', 'oldSecrets')
if not found[1] then return { 'not_found' } end
rememberCall(KEYS[2], ARGV[4], hookId, ARGV[5])
-- Each is `until|secret`; the newest comes first.
local kept = { string.format('%d', time() + ARGV[7]) .. '|' .. found[1] }
for entry in string.gmatch(found[2] or '', '[^,]+') do
  if #kept < tonumber(ARGV[8]) and tonumber(string.match(entry, '^%d+')) > time() then kept[#kept + 1] = entry end
end
redis.call('HSET', hookKey, 'secret', ARGV[6], 'oldSecrets', table.concat(kept, ','), 'updatedAt', timeText())
return { 'ok' }
