--[[
  Keeps the first answer of a call with its record, and goes with it: a record that has expired meanwhile does not come back.
  The reply has the one that stands.
  KEYS[1] the idempotency record
  ARGV    4 the answer, JSON text
  Replies ok answer | not_found
]]
--- include context

if redis.call('EXISTS', KEYS[1]) == 0 then return { 'not_found' } end
redis.call('HSETNX', KEYS[1], 'answer', ARGV[4])
return { 'ok', redis.call('HGET', KEYS[1], 'answer') }
