--[[
  A failure that is final, and what it stops: docs/engine.md, stop.
]]
-- The ids of all steps that depend on this one, directly or not.
local function behind(id)
  local found, reached = {}, { id }
  local head = 1
  while head <= #reached do
    for group in string.gmatch(graphOf(reached[head]).groups, '%d+') do
      for _, member in ipairs(membersOf(group)) do
        if not found[member] then
          found[member] = true
          reached[#reached + 1] = member
        end
      end
    end
    head = head + 1
  end
  return found
end

local function stop(id)
  plan.stopping = id
  local dependents = behind(id)
  for _, other in ipairs(allSteps()) do
    local step = loadStep(other)
    if not hasEnded(step) and step[STATUS] ~= 'running' then
      if dependents[other] then skipStep(other, step, 'dependency_failed', id) else cancelStep(other, step, 'plan_stopped', id) end
    end
  end
  redis.call('DEL', readyKey, waitsKey)
  plan.ready = 0
  if plan.running > 0 then halt() end
  finish()
end

local function failStepForGood(id, step, errorText)
  keepResult('error:' .. id, errorText)
  endStep(id, step, 'failed')
  emit('step.failed', { step = id, attempt = step[ATTEMPT] }, '{"error":' .. errorText .. '}')
  if plan.stopping ~= '' then
    finish()
  elseif graphOf(id).onError == 'stop' then
    stop(id)
  else
    admit(settle(id, 'failed'))
    finish()
  end
end
