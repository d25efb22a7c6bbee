-- A step that stopped without a result: docs/engine.md, release.
local function handBack(id, step)
  leave(id, step)
  step[STATUS] = 'retrying'
  step[ATTEMPT] = step[ATTEMPT] - 1
  saveStep(id, step)
  emit('step.retrying', { step = id, attempt = step[ATTEMPT] + 1 }, '{"handedBack":true}')
  joinReady(id)
  admit({})
end

local function release(id, step)
  if plan.stopping ~= '' and not isCleanUp(id) then
    cancelStep(id, step, stopReason())
    follow(id)
  else
    handBack(id, step)
  end
end
