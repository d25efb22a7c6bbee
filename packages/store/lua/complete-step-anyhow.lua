--[[
  running -> completed, whatever state the plan is in; its successors become ready and are queued, in the same step.
  KEYS[1] the plan's hash
  ARGV    4 step   5 token   6 output, JSON text
  Replies ok | not_found | plan_not_executing | stale_token
  Events  step.completed, step.ready, step.awaiting_approval, step.skipped, step.queued, plan.completed | partial | failed
]]
--- include context
--- include engine
--- include hold

local id = ARGV[4]
local step, reply = checkHold(id, ARGV[5])
if not step then
  -- The first reply was lost. Only a completion is answered again: a result that was not kept must never be told it was.
  if reply[1] ~= 'not_found' then
    local held = loadStep(id)
    if held[STATUS] == 'completed' and held[TOKEN] == ARGV[5] then return { 'ok' } end
  end
  return reply
end
completeStep(id, step, ARGV[6])
follow(id)
savePlan()
return { 'ok' }
