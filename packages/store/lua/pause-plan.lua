--[[
  executing -> paused: nothing more is started, what runs goes on. What is left of the plan's time stands still.
  KEYS[1] the plan's hash   KEYS[2] the idempotency record
  ARGV    4 fingerprint and sending   5 seconds the record lives   6 actor
  Replies ok | repeat id | replay id answer | idempotency_conflict | not_found | wrong_state status
  Events  plan.paused
]]
--- include context
--- include idempotency
--- include engine
--- include decision
--- include let-through

local refusal = checkDecision(KEYS[2], ARGV[4], { executing = true })
if refusal then return refusal end
letThrough()
rememberCall(KEYS[2], ARGV[4], planId, ARGV[5])

local deadline = numberField('deadline')
if deadline > 0 then setField('remaining', string.format('%d', math.max(0, deadline - time()))) end
movePlan('paused')
emit('plan.paused', { actor = ARGV[6] }, '{}')
savePlan()
return { 'ok' }
