--[[
  Steps that will not run any more, and executors that are told.
]]
-- Executors abort what runs: they hear it here, and look by themselves in case they don't. With `stop`, clean-up steps go on.
local function halt(kind)
  redis.call('PUBLISH', prefix .. ':halt', kind .. ':' .. planId)
end

local function cancelStep(id, step, reason, cause)
  local attempt = step[ATTEMPT]
  step[REASON], step[CAUSE] = reason, cause
  endStep(id, step, 'cancelled')
  step[TOKEN] = ''
  emit('step.cancelled', { step = id, attempt = attempt > 0 and attempt or nil }, cjson.encode({ reason = { kind = reason, stepId = cause ~= '' and cause or nil } }))
end

-- Cancels the children of a step that have not ended; running ones only where `all` says so.
local function cancelChildren(parent, reason, cause, all)
  for _, id in ipairs(childrenOf(parent)) do
    local step = loadStep(id)
    if not hasEnded(step) and (all or step[STATUS] ~= 'running') then cancelStep(id, step, reason, cause) end
  end
end
