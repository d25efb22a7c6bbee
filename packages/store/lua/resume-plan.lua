--[[
  paused -> executing. Jobs that were delivered during the pause are gone: what they stood for is delivered anew.
  KEYS[1] the plan's hash   KEYS[2] the idempotency record
  ARGV    4 fingerprint and sending   5 seconds the record lives   6 actor
  Replies ok | repeat id | replay id answer | idempotency_conflict | not_found | wrong_state status
  Events  plan.resumed, step.queued
]]
--- include context
--- include idempotency
--- include engine
--- include decision

local refusal = checkDecision(KEYS[2], ARGV[4], { paused = true })
if refusal then return refusal end
rememberCall(KEYS[2], ARGV[4], planId, ARGV[5])

movePlan('executing')
emit('plan.resumed', { actor = ARGV[6] }, '{}')
if numberField('deadline') > 0 then
  local deadline = time() + numberField('remaining')
  setField('deadline', string.format('%d', deadline))
  setDue('stop', deadline)
end

local function deliverAgain(id)
  local step = loadStep(id)
  if step[STATUS] == 'queued' then
    step[DELIVERY] = step[DELIVERY] + 1
    saveStep(id, step)
    emit('step.queued', { step = id }, '{"delivery":' .. step[DELIVERY] .. '}')
    addStepJob(id, routeOf(id), deliveryOf(step), 0)
  elseif step[STATUS] == 'retrying' and not redis.call('ZSCORE', readyKey, id) then
    local delay = tonumber(step[NOT_BEFORE]) - time()
    if delay <= 0 then return joinReady(id) end
    step[DELIVERY] = step[DELIVERY] + 1
    saveStep(id, step)
    addStepJob(id, routeOf(id), deliveryOf(step), delay)
  end
end

local expanding = stepsIn('&')
for _, id in ipairs(allSteps()) do
  deliverAgain(id)
  if expanding[id] and not hasEnded(loadStep(id)) then
    for _, child in ipairs(childrenOf(id)) do deliverAgain(child) end
  end
end
admit({})
finish()
savePlan()
return { 'ok' }
