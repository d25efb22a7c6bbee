--[[
  What half a transition may have left of a plan that waits for people: docs/engine.md.
  The last vote without what follows from it: pending_approval -> approved, and on, where the votes meet all demands already.
  The digest and the decision of a revision that is not there: the digest becomes that of the current one, and the plan is
  decided anew before the next vote.
  KEYS[1] the plan's hash
  Replies approved | undecided | well | not_found | wrong_state status
  Events  plan.approved and what follows from it
]]
--- include context
--- include engine
--- include expire

if not loadPlan() then return { 'not_found' } end
if plan.status ~= 'pending_approval' then return { 'wrong_state', plan.status } end
-- What is due is the clock's.
if isPlanExpired() then return { 'well' } end
if not loadTerms() then
  redis.call('HSET', planKey, 'digest', plan.digest, 'policy', plan.policyText)
  return { 'undecided' }
end
local votes = votesThatStand()
if #votes == 0 then return { 'well' } end
becomeApproved({ actor = votes[#votes].actor })
if plan.status == 'pending_approval' then return { 'well' } end
savePlan()
return { 'approved' }
