--[[
  pending_approval -> expired, once approvalTimeoutMs have passed.
  KEYS[1] the plan's hash
  Replies ok | not_found | wrong_state status | not_due
  Events  plan.expired
]]
--- include context
--- include engine
--- include expire

clearDue('expire')
if not loadPlan() then return { 'not_found' } end
if plan.status ~= 'pending_approval' then return { 'wrong_state', plan.status } end
if not isPlanExpired() then
  if numberField('expiresAt') > 0 then setDue('expire', numberField('expiresAt')) end
  return { 'not_due' }
end
expirePlan()
savePlan()
return { 'ok' }
