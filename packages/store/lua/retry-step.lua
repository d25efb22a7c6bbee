--[[
  failed, skipped, cancelled -> pending, with what was not done behind the step because of that. A failed or partial plan
  becomes executing.
  KEYS[1] the plan's hash   KEYS[2] the idempotency record
  ARGV    4 fingerprint and sending   5 seconds the record lives   6 step   7 actor
  Replies ok | repeat id | replay id answer | idempotency_conflict | not_found | step_not_found | wrong_state status | wrong_step_state status |
          not_approved
  Events  plan.retried, step.ready, step.skipped, step.queued, step.awaiting_approval; plan.completed | partial | failed
]]
--- include context
--- include idempotency
--- include engine
--- include decision
--- include reset

local id = ARGV[6]
local refusal = checkStepDecision(KEYS[2], ARGV[4], id, { executing = true, paused = true, failed = true, partial = true }, { failed = true, skipped = true, cancelled = true })
local underWay = plan and (plan.status == 'executing' or plan.status == 'paused')
if underWay and plan.stopping ~= '' and (not refusal or refusal[1] == 'wrong_step_state') then return { 'wrong_state', plan.status } end
if refusal then return refusal end
if not hasApproval() then return { 'not_approved' } end
rememberCall(KEYS[2], ARGV[4], planId, ARGV[5])

local chosen = { [id] = true }
for member in pairs(behind({ id })) do
  local step = loadStep(member)
  local undone = step[STATUS] == 'skipped' and (step[REASON] == 'dependency_failed' or step[REASON] == 'dependency_skipped')
  if step[STATUS] == 'failed' or step[STATUS] == 'cancelled' or undone then chosen[member] = true end
end
if not underWay then executeAgain() end
retried(ARGV[7], resetSteps(chosen))
reopen()
savePlan()
return { 'ok' }
