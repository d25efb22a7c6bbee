--[[
  A call that names itself is carried out once. The record holds the fingerprint of the call's body, the id of what it
  created or changed, the answer, which the API adds afterwards, and which sending it was that carried the call out.
  Written here; lives for the seconds given with the call.
  In the home shard the record of a call that creates something may say instead that it is carried out in another shard:
  claim-call writes that.
  `call` is the fingerprint, `|`, and a UUID of this sending. When its reply is lost, the connection sends the very same
  words again: to them the answer is not `replay`, which is for somebody else who asks for the same, but `repeat`.
]]
local function findReplay(key, call)
  local found = redis.call('HMGET', key, 'fingerprint', 'id', 'answer', 'shard', 'sending')
  if not found[1] then return found[4] and { 'elsewhere', found[4] } or nil end
  if found[5] == string.sub(call, -36) then return { 'repeat', found[2] } end
  if found[1] ~= string.sub(call, 1, -38) then return { 'idempotency_conflict' } end
  return { 'replay', found[2], found[3] or '' }
end

local function rememberCall(key, call, id, seconds)
  redis.call('HSET', key, 'fingerprint', string.sub(call, 1, -38), 'id', id, 'sending', string.sub(call, -36))
  redis.call('EXPIRE', key, seconds)
end
