--[[
  draft -> pending_approval, or on to executing when policy asks nobody.
  KEYS[1] the plan's hash   KEYS[2] the idempotency record
  ARGV    4 fingerprint   5 seconds the record lives   6 actor
  Replies ok | replay id answer | idempotency_conflict | not_found | wrong_state status
  Events  plan.submitted, plan.approved, plan.started, step.ready, step.queued
]]
--- include context
--- include idempotency
--- include engine
--- include submit
--- include decision

local refusal = checkDecision(KEYS[2], ARGV[4], { draft = true })
if refusal then return refusal end
rememberCall(KEYS[2], ARGV[4], planId, ARGV[5])
dropRequest()
submitPlan(ARGV[6], redis.call('HGET', planKey, 'autoReason') or 'null')
savePlan()
return { 'ok' }
