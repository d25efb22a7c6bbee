--[[
  The checks before anything is recorded for a running step. A cancel or a takeover takes the token away.
]]
local function checkHold(id, token)
  local found, text = loadPlan(id)
  if not found then return nil, { 'not_found' } end
  stepCache[id] = parseStep(text)
  if not graphOf(id) then return nil, { 'not_found' } end
  local step = loadStep(id)
  if plan.status ~= 'executing' and plan.status ~= 'paused' then return nil, { 'plan_not_executing' } end
  if step[STATUS] ~= 'running' or step[TOKEN] ~= token then return nil, { 'stale_token' } end
  return step, nil
end
