--[[
  The start of a plan, and what comes before it once it is approved: docs/engine.md, approved and start.
]]
-- From now on, until the plan's time is up.
local function startClock()
  local within = numberField('planTimeoutMs')
  if within == 0 then return end
  setField('deadline', string.format('%d', time() + within))
  setDue('stop', time() + within)
end

local function startPlan()
  if numberField('startedAt') == 0 then setField('startedAt', timeText()) end
  movePlan('executing')
  emit('plan.started', {}, cjson.encode({ digest = redis.call('HGET', planKey, 'digest') }))
  startClock()
  local found = redis.call('HMGET', graphKey(), '^', '?')
  -- A revised plan has steps that ran before; a gate among the first ones asks.
  if plan.revision ~= '1' or found[2] then return reopen() end
  local roots = list(found[1])
  for _, id in ipairs(roots) do emit('step.ready', { step = id }) end
  admit(roots)
end

local function startOnceApproved()
  local startAt = numberField('startAt')
  if startAt > time() then return setDue('start', startAt) end
  startPlan()
end
