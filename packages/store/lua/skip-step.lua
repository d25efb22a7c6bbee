--[[
  pending, awaiting_approval, failed -> skipped, by hand. What followed from a failure stays.
  KEYS[1] the plan's hash   KEYS[2] the idempotency record
  ARGV    4 fingerprint and sending   5 seconds the record lives   6 step   7 actor
  Replies ok | repeat id | replay id answer | idempotency_conflict | not_found | step_not_found | wrong_state status | wrong_step_state status
  Events  step.skipped and what follows from it
]]
--- include context
--- include idempotency
--- include engine
--- include decision

local id = ARGV[6]
local refusal = checkStepDecision(KEYS[2], ARGV[4], id, { executing = true, paused = true, failed = true, partial = true }, { pending = true, awaiting_approval = true, failed = true })
if refusal then return refusal end
rememberCall(KEYS[2], ARGV[4], planId, ARGV[5])

local step = loadStep(id)
local failed = step[STATUS] == 'failed'
if failed then add('failed', -1) end
skipStep(id, step, 'skipped_by_hand', '', { step = id, actor = ARGV[7] })
if not failed then settleStep(id) end
savePlan()
return { 'ok' }
