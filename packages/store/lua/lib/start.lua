--[[
  The start of a plan: docs/engine.md, start.
]]
local function startPlan()
  setField('startedAt', timeText())
  movePlan('executing')
  emit('plan.started', {}, cjson.encode({ digest = plan.digest }))
  local roots = list(redis.call('HGET', graphKey(), '^'))
  for _, id in ipairs(roots) do emit('step.ready', { step = id }) end
  admit(roots)
end
