--[[
  running -> skipped: the step's condition is false.
  KEYS[1] the plan's hash
  ARGV    4 step   5 token
  Replies ok | not_found | plan_not_executing | stale_token
  Events  step.skipped and what follows from it
]]
--- include context
--- include engine
--- include hold

local id = ARGV[4]
local step, reply = checkHold(id, ARGV[5])
if not step then return reply end
undoClaim(id, step)
-- Out of the counts already: it must not leave them twice.
step[STATUS] = 'pending'
skipStep(id, step, 'condition_false', '', { step = id, attempt = step[ATTEMPT] })
settleStep(id)
savePlan()
return { 'ok' }
