--[[
  The children of a forEach step, and what their endings make of it: docs/engine.md, steps with forEach.
]]
-- Bytes of one output: LIMITS.outputBytes of packages/shared.
local OUTPUT_BYTES = 1000000

local failStepForGood

local function errorText(code, message)
  return cjson.encode({ code = code, message = message, retryable = false })
end

local function completeStep(id, step, output)
  keepResult('output:' .. id, output)
  if step[ATTEMPT] > 1 then redis.call('HDEL', stepsKey, 'error:' .. id) end
  emit('step.completed', { step = id, attempt = step[ATTEMPT] })
  endStep(id, step, 'completed')
end

local function outputsOf(ids)
  local outputs = {}
  for position, id in ipairs(ids) do outputs[position] = resultOf('output:' .. id) end
  return '[' .. table.concat(outputs, ',') .. ']'
end

local function failureOf(ids)
  local failures, first = 0, nil
  for _, id in ipairs(ids) do
    if loadStep(id)[STATUS] == 'failed' then
      failures = failures + 1
      first = first or id
    end
  end
  local failure = cjson.decode(resultOf('error:' .. first))
  return errorText(failure.code, string.format('%d of %d failed; %s: %s', failures, #ids, first, failure.message))
end

-- The last child of a step has ended.
local function endParent(parent)
  local step, counts, ids = loadStep(parent), childCounts(parent), childrenOf(parent)
  if counts.failed > 0 then return failStepForGood(parent, step, failureOf(ids)) end
  if counts.cancelled > 0 then
    local reason, cause = stopReason()
    cancelStep(parent, step, reason, cause)
  else
    local output = outputsOf(ids)
    if #output > OUTPUT_BYTES then
      local message = string.format('the outputs of all %d elements together have %d bytes; at most %d are kept', #ids, #output, OUTPUT_BYTES)
      return failStepForGood(parent, step, errorText('output_too_large', message))
    end
    completeStep(parent, step, output)
  end
  settleStep(parent)
end

-- A step or a child has ended, its event is written: what follows.
local function follow(id)
  local parent = parentOf(id)
  if not parent then return settleStep(id) end
  local counts = childCounts(parent)
  if not hasEnded(loadStep(parent)) and counts.completed + counts.failed + counts.cancelled == counts.total then return endParent(parent) end
  admit({})
  finish()
end

failStepForGood = function(id, step, text)
  keepResult('error:' .. id, text)
  endStep(id, step, 'failed')
  emit('step.failed', { step = id, attempt = step[ATTEMPT] }, '{"error":' .. text .. '}')
  if graphOf(id).onError ~= 'stop' or plan.stopping ~= '' then return follow(id) end
  local parent = parentOf(id)
  if not parent then return stop(id) end
  -- One child's failure is its step's: the others are not waited for.
  local parentStep = loadStep(parent)
  cancelChildren(parent, 'plan_stopped', parent, false)
  local failure = failureOf(childrenOf(parent))
  keepResult('error:' .. parent, failure)
  endStep(parent, parentStep, 'failed')
  emit('step.failed', { step = parent, attempt = parentStep[ATTEMPT] }, '{"error":' .. failure .. '}')
  stop(parent)
end
