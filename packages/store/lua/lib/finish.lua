--[[
  The end of a plan: docs/engine.md, finish.
]]
local function finish()
  local status
  if plan.stopping ~= '' then
    if plan.running > 0 then return end
    status = 'failed'
  elseif plan.completed + plan.failed + plan.skipped + plan.cancelled < plan.total then
    return
  elseif plan.failed == 0 then
    status = 'completed'
  elseif plan.completed > 0 then
    status = 'partial'
  else
    status = 'failed'
  end
  redis.call('DEL', waitsKey)
  setField('finishedAt', timeText())
  movePlan(status)
  emit('plan.' .. status, {}, plan.stopping ~= '' and cjson.encode({ stepId = plan.stopping }) or '{}')
end
