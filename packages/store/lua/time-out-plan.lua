--[[
  The plan's time is up: what runs is aborted, what has not started is cancelled, clean-up steps run, and it ends failed.
  KEYS[1] the plan's hash
  Replies ok | not_found | wrong_state status | not_due
  Events  step.cancelled, plan.failed; those of clean-up steps
]]
--- include context
--- include engine

clearDue('stop')
if not loadPlan() then return { 'not_found' } end
if plan.status ~= 'executing' or plan.stopping ~= '' then return { 'wrong_state', plan.status } end
local deadline = numberField('deadline')
if deadline == 0 then return { 'wrong_state', plan.status } end
if deadline > time() then
  setDue('stop', deadline)
  return { 'not_due' }
end
stop(TIME_IS_UP)
savePlan()
return { 'ok' }
