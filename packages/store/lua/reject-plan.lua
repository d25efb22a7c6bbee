--[[
  pending_approval -> rejected. The steps stay pending: none of them will ever run.
  KEYS[1] the plan's hash   KEYS[2] the idempotency record
  ARGV    4 fingerprint and sending   5 seconds the record lives   6 actor   7 digest   8 reason, JSON text
  Replies ok | repeat id | replay id answer | idempotency_conflict | not_found | wrong_state status | stale_digest current | already_voted
  Events  plan.rejected; too late: plan.expired
]]
--- include context
--- include idempotency
--- include engine
--- include decision
--- include expire
--- include plan-vote
--- include let-through

local actor, digest, reason = ARGV[6], ARGV[7], ARGV[8]
local refusal = checkPlanVote(digest)
if refusal then return refusal end
if hasVoted(actor, votesThatStand()) then return { 'already_voted' } end
letThrough()
rememberCall(KEYS[2], ARGV[4], planId, ARGV[5])

setField('rejection', '{"actor":' .. cjson.encode(actor) .. ',"at":' .. timeText() .. ',"digest":"' .. digest .. '","reason":' .. reason .. '}')
setField('finishedAt', timeText())
dropRequest()
redis.call('DEL', waitsKey)
movePlan('rejected')
emit('plan.rejected', { actor = actor }, '{"digest":"' .. digest .. '","reason":' .. reason .. '}')
savePlan()
return { 'ok' }
