-- draft -> pending_approval, and on to executing when the quorum is 0. `autoReason` is JSON text.
local function submitPlan(actor, autoReason)
  movePlan('pending_approval')
  emit('plan.submitted', { actor = actor }, cjson.encode({ digest = plan.digest, quorum = plan.quorum }))
  if plan.quorum == 0 then
    movePlan('approved')
    emit('plan.approved', {}, '{"digest":"' .. plan.digest .. '","auto":' .. autoReason .. '}')
    startPlan()
  end
end
