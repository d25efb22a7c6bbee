-- pending_approval -> approved, because policy asks nobody. `autoReason` is JSON text.
local function approveByPolicy(digest, autoReason)
  movePlan('approved')
  emit('plan.approved', {}, '{"digest":"' .. digest .. '","auto":' .. autoReason .. '}')
  startOnceApproved()
end

-- draft -> pending_approval, and on when the quorum is 0.
local function submitPlan(actor, autoReason)
  movePlan('pending_approval')
  emit('plan.submitted', { actor = actor }, cjson.encode({ digest = plan.digest, quorum = plan.quorum }))
  if plan.quorum == 0 then approveByPolicy(plan.digest, autoReason) end
end
