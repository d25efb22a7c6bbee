--[[
  running -> retrying or failed: decided here and only here.
  KEYS[1] the plan's hash
  ARGV    4 step   5 token   6 error, JSON text   7 '1' when it may be retried   8 ms until the next attempt
  Replies ok | not_found | plan_not_executing | stale_token
  Events  step.retrying, step.queued | step.failed and what follows from it
]]
--- include context
--- include engine
--- include hold

local id, text, retryable, delayMs = ARGV[4], ARGV[6], ARGV[7] == '1', tonumber(ARGV[8])
local step, reply = checkHold(id, ARGV[5])
if not step then return reply end
if retryable and step[ATTEMPT] < graphOf(id).attempts and (plan.stopping == '' or isCleanUp(id)) then
  leave(id, step)
  step[STATUS] = 'retrying'
  step[NOT_BEFORE] = string.format('%d', time() + delayMs)
  keepResult('error:' .. id, text)
  emit('step.retrying', { step = id, attempt = step[ATTEMPT] }, '{"error":' .. text .. ',"delayMs":' .. delayMs .. ',"notBefore":' .. step[NOT_BEFORE] .. '}')
  if delayMs > 0 then
    step[DELIVERY] = step[DELIVERY] + 1
    addStepJob(id, graphOf(id), deliveryOf(step), delayMs)
    saveStep(id, step)
  else
    saveStep(id, step)
    joinReady(id)
  end
  admit({})
else
  failStepForGood(id, step, text)
end
savePlan()
return { 'ok' }
