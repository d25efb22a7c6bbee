--[[
  The checks that every decision of a person on a plan goes through, before anything is written.
  `allowed` is a set of statuses; `call` as in idempotency.lua. Returns the reply that refuses or repeats, or nil.
]]
local function checkDecision(recordKey, call, allowed)
  local replay = findReplay(recordKey, call)
  if replay then return replay end
  if not loadPlan() then return { 'not_found' } end
  if not allowed[plan.status] then return { 'wrong_state', plan.status } end
  loadTerms()
  return nil
end

-- The same for a step; `allowed` has its statuses, `plans` those of the plan, nil for any.
local function checkStepDecision(recordKey, call, id, plans, allowed)
  local replay = findReplay(recordKey, call)
  if replay then return replay end
  if not loadPlan() then return { 'not_found' } end
  if parentOf(id) or not graphOf(id) then return { 'step_not_found' } end
  if plans and not plans[plan.status] then return { 'wrong_state', plan.status } end
  if not allowed[loadStep(id)[STATUS]] then return { 'wrong_step_state', loadStep(id)[STATUS] } end
  return nil
end
