--[[
  The step stopped without a result. While its plan is stopping it is cancelled; otherwise its executor is shutting down
  and hands it back, and this try does not count.
  KEYS[1] the plan's hash
  ARGV    4 step   5 token
  Replies ok | not_found | plan_not_executing | stale_token
  Events  step.retrying, step.queued | step.cancelled and what follows from it
]]
--- include context
--- include engine
--- include hold
--- include release

local step, reply = checkHold(ARGV[4], ARGV[5])
if not step then return reply end
release(ARGV[4], step)
savePlan()
return { 'ok' }
