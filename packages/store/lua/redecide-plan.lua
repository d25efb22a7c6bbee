--[[
  pending_approval: the plan is decided anew, under another version of the policy. The votes are void; where the new policy
  asks nobody, the plan is approved.
  KEYS[1] the plan's hash
  ARGV    4 the digest that was decided about   5 the decision, JSON text   6 quorum
  Replies ok | unchanged: it is decided under this version | not_found | wrong_state status | stale_digest current
  Events  plan.submitted, plan.approved, plan.started, step.ready, step.queued; too late: plan.expired
]]
--- include context
--- include engine
--- include submit
--- include expire

if not loadPlan() then return { 'not_found' } end
if plan.status ~= 'pending_approval' then return { 'wrong_state', plan.status } end
if isPlanExpired() then
  expirePlan()
  savePlan()
  return { 'wrong_state', 'expired' }
end
loadTerms()
if plan.digest ~= ARGV[4] then return { 'stale_digest', plan.digest } end
if plan.policy.version == cjson.decode(ARGV[5]).version then return { 'unchanged' } end
redis.call('DEL', planKey .. ':votes')
recordDecision(ARGV[5], ARGV[6])
sayWhatIsAsked({})
approveByPolicy()
savePlan()
return { 'ok' }
