--[[
  failed, partial -> executing: steps run again, under the digest that was approved.
  KEYS[1] the plan's hash   KEYS[2] the idempotency record
  ARGV    4 fingerprint and sending   5 seconds the record lives   6 actor   7 the steps to run again with all behind them, JSON list; '' for
          every failed, cancelled and skipped-behind-failure step
  Replies ok | repeat id | replay id answer | idempotency_conflict | not_found | wrong_state status | unknown_step id | not_approved
  Events  plan.retried, step.ready, step.skipped, step.queued, step.awaiting_approval; plan.completed | partial | failed
]]
--- include context
--- include idempotency
--- include engine
--- include decision
--- include reset

local refusal = checkDecision(KEYS[2], ARGV[4], { failed = true, partial = true })
if refusal then return refusal end
local chosen = {}
if ARGV[7] == '' then
  for _, id in ipairs(allSteps()) do
    local step = loadStep(id)
    if step[STATUS] == 'failed' or step[STATUS] == 'cancelled' or isBehindFailure(step) then chosen[id] = true end
  end
else
  local from = cjson.decode(ARGV[7])
  for _, id in ipairs(from) do
    if parentOf(id) or not graphOf(id) then return { 'unknown_step', id } end
  end
  chosen = behind(from)
  for _, id in ipairs(from) do chosen[id] = true end
end
if not hasApproval() then return { 'not_approved' } end
rememberCall(KEYS[2], ARGV[4], planId, ARGV[5])

executeAgain()
retried(ARGV[6], resetSteps(chosen))
reopen()
savePlan()
return { 'ok' }
