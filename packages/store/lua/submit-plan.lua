--[[
  draft -> pending_approval, decided by the policy of now, and on to executing where that asks nobody.
  KEYS[1] the plan's hash   KEYS[2] the idempotency record
  ARGV    4 fingerprint and sending   5 seconds the record lives   6 actor   7 the digest that was decided about
          8 the decision, JSON text   9 quorum
  Replies ok | repeat id | replay id answer | idempotency_conflict | not_found | wrong_state status | stale_digest current | policy_denied
  Events  plan.submitted, plan.approved, plan.started, step.ready, step.queued
]]
--- include context
--- include idempotency
--- include engine
--- include submit
--- include decision

local actor, digest, decision = ARGV[6], ARGV[7], ARGV[8]
local refusal = checkDecision(KEYS[2], ARGV[4], { draft = true })
if refusal then return refusal end
if plan.digest ~= digest then return { 'stale_digest', plan.digest } end
if isDenied(decision) then return { 'policy_denied' } end
rememberCall(KEYS[2], ARGV[4], planId, ARGV[5])
dropRequest()
addSubmitter(actor)
recordDecision(decision, ARGV[9])
submitPlan(actor)
savePlan()
return { 'ok' }
