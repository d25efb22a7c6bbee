--[[
  The checks before anything is recorded for a running step. A cancel or a takeover takes the token away.
]]
local function checkHold(id, token)
  if not loadPlan() then return nil, { 'not_found' } end
  if not graphOf(id) then return nil, { 'not_found' } end
  local step = loadStep(id)
  if plan.status ~= 'executing' and plan.status ~= 'paused' then return nil, { 'plan_not_executing' } end
  if step[STATUS] ~= 'running' or step[TOKEN] ~= token then return nil, { 'stale_token' } end
  return step, nil
end

local function handBack(id, step)
  leaveFlight(step)
  step[STATUS] = 'retrying'
  step[ATTEMPT] = step[ATTEMPT] - 1
  saveStep(id, step)
  emit('step.retrying', { step = id, attempt = step[ATTEMPT] + 1 }, '{"handedBack":true}')
  joinReady(id)
  admit({})
end

local function release(id, step)
  if plan.stopping ~= '' then
    cancelStep(id, step, 'plan_stopped', plan.stopping)
    finish()
  else
    handBack(id, step)
  end
end
