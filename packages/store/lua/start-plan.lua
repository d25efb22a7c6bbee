--[[
  approved -> executing, once the plan's startAt has come.
  KEYS[1] the plan's hash
  Replies ok | not_found | wrong_state status | not_due | not_approved
  Events  plan.started, step.ready, step.awaiting_approval, step.queued
]]
--- include context
--- include engine

clearDue('start')
if not loadPlan() then return { 'not_found' } end
if plan.status ~= 'approved' then return { 'wrong_state', plan.status } end
local startAt = numberField('startAt')
if startAt > time() then
  setDue('start', startAt)
  return { 'not_due' }
end
if not hasApproval() then return { 'not_approved' } end
startPlan()
savePlan()
return { 'ok' }
