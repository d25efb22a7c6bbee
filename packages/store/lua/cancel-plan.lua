--[[
  draft, pending_approval, approved, executing, paused -> cancelled, with every step that has not ended. After this reply
  no claim succeeds and nothing that an executor still says of a step is taken.
  KEYS[1] the plan's hash   KEYS[2] the idempotency record
  ARGV    4 fingerprint and sending   5 seconds the record lives   6 actor   7 reason, JSON text
  Replies ok | repeat id | replay id answer | idempotency_conflict | not_found | wrong_state status
  Events  step.cancelled, plan.cancelled
]]
--- include context
--- include idempotency
--- include engine
--- include decision
--- include let-through

local actor, reason = ARGV[6], ARGV[7]
local refusal = checkDecision(KEYS[2], ARGV[4], { draft = true, pending_approval = true, approved = true, executing = true, paused = true })
if refusal then return refusal end
letThrough()
rememberCall(KEYS[2], ARGV[4], planId, ARGV[5])

local ran = plan.inflight > 0
local expanding = stepsIn('&')
for _, id in ipairs(allSteps()) do
  if expanding[id] then cancelChildren(id, 'plan_cancelled', '', true) end
  local step = loadStep(id)
  if not hasEnded(step) then cancelStep(id, step, 'plan_cancelled', '') end
end
dropWaits()
setField('cancellation', '{"actor":' .. cjson.encode(actor) .. ',"at":' .. timeText() .. ',"reason":' .. reason .. '}')
setField('finishedAt', timeText())
dropRequest()
movePlan('cancelled')
emit('plan.cancelled', { actor = actor }, '{"reason":' .. reason .. '}')
if ran then halt('cancel') end
savePlan()
return { 'ok' }
