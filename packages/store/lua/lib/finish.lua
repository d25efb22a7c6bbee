--[[
  The end of a plan: docs/engine.md, finish.
]]
local TIME_IS_UP = '@timeout'

-- What a plan that has ended asks of the planner. Returns whether it may go on with a new revision.
local function askPlannerAtEnd(status)
  local found = redis.call('HMGET', planKey, 'maxReplans', 'replans', 'summarize')
  local made = tonumber(found[2] or 0)
  if status ~= 'completed' and made < tonumber(found[1] or 0) then
    setField('replans', made + 1)
    openRequest('replan', '', 'null')
    return true
  end
  if found[3] then openRequest('summarise', '', 'null') end
  return false
end

local function finish()
  -- Children of a step that has failed may still run.
  if plan.inflight > 0 then return end
  if plan.completed + plan.failed + plan.skipped + plan.cancelled < plan.total then return end
  if plan.status ~= 'executing' and plan.status ~= 'paused' then return end
  local status = 'failed'
  if plan.stopping == '' and plan.failed + plan.cancelled == 0 then
    status = 'completed'
  elseif plan.stopping == '' and plan.completed > 0 then
    status = 'partial'
  end
  dropWaits()
  setField('finishedAt', timeText())
  movePlan(status)
  local data = {}
  if plan.stopping == TIME_IS_UP then data.timedOut = true elseif plan.stopping ~= '' then data.stepId = plan.stopping end
  if askPlannerAtEnd(status) then data.replanning = true end
  emit('plan.' .. status, {}, next(data) and cjson.encode(data) or '{}')
end
