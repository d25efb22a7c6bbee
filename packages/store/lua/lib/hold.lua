--[[
  The checks before anything is recorded for a running step. A cancel or a takeover takes the token away.
]]
local function checkHold(id, token)
  local found, text = loadPlan(id)
  if not found then return nil, { 'not_found' } end
  -- What nothing is kept of is a step that never moved, or a child that is not there: graphOf tells them apart.
  if text then stepCache[id] = parseStep(text) end
  if not graphOf(id) then return nil, { 'not_found' } end
  local step = loadStep(id)
  if plan.status ~= 'executing' and plan.status ~= 'paused' then return nil, { 'plan_not_executing' } end
  if step[STATUS] ~= 'running' or step[TOKEN] ~= token then return nil, { 'stale_token' } end
  return step, nil
end

-- The step gives its place back, and this look at it was no attempt.
local function undoClaim(id, step)
  leave(id, step)
  step[TOKEN] = ''
  step[ATTEMPT] = 0
  step[STARTED_AT] = '0'
end
