--[[
  Steps that will not run any more, and executors that are told.
]]
local function allSteps()
  local ids = list(redis.call('HGET', graphKey(), '*'))
  loadSteps(ids)
  return ids
end

-- Executors abort what runs: they hear it here, and look by themselves in case they don't.
local function halt()
  redis.call('PUBLISH', prefix .. ':halt', planId)
end

local function cancelStep(id, step, reason, cause)
  local attempt = step[ATTEMPT]
  step[REASON], step[CAUSE] = reason, cause
  step[TOKEN] = ''
  endStep(id, step, 'cancelled')
  emit('step.cancelled', { step = id, attempt = attempt > 0 and attempt or nil }, cjson.encode({ reason = { kind = reason, stepId = cause ~= '' and cause or nil } }))
end
