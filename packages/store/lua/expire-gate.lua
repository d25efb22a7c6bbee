--[[
  awaiting_approval -> failed, once the gate's deadline has passed.
  KEYS[1] the plan's hash
  ARGV    4 step
  Replies ok | not_found | wrong_state status | not_due
  Events  step.failed and what follows from it
]]
--- include context
--- include engine
--- include expire

local id = ARGV[4]
clearDue('gate', id)
if not loadPlan() then return { 'not_found' } end
local step = graphOf(id) and loadStep(id)
if not step then return { 'not_found' } end
if step[STATUS] ~= 'awaiting_approval' then return { 'wrong_state', step[STATUS] } end
if not isGateExpired(id) then
  local gate = gateOf(id)
  if gate.deadline > 0 then setDue('gate', gate.deadline, id) end
  return { 'not_due' }
end
expireGate(id)
savePlan()
return { 'ok' }
