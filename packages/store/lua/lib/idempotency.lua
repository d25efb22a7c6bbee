--[[
  A call that names itself is carried out once. The record holds the fingerprint of the call's body, the id of what it
  created or changed, and the answer, which the API adds afterwards.
  Written here; lives for the seconds given with the call.
  In the home shard the record of a call that creates something may say instead that it is carried out in another shard:
  claim-call writes that.
]]
local function findReplay(key, fingerprint)
  local found = redis.call('HMGET', key, 'fingerprint', 'id', 'answer', 'shard')
  if not found[1] then return found[4] and { 'elsewhere', found[4] } or nil end
  if found[1] ~= fingerprint then return { 'idempotency_conflict' } end
  return { 'replay', found[2], found[3] or '' }
end

local function rememberCall(key, fingerprint, id, seconds)
  redis.call('HSET', key, 'fingerprint', fingerprint, 'id', id)
  redis.call('EXPIRE', key, seconds)
end
