--[[
  A failure that is final, and what it stops: docs/engine.md, stop.
]]
-- The ids of all steps that depend on one of these, directly or not. Steps that wait for the same ones are looked at once.
local function behind(ids)
  local found, reached, seen = {}, {}, {}
  for position, id in ipairs(ids) do reached[position] = id end
  local head = 1
  while head <= #reached do
    for group in string.gmatch(graphOf(reached[head]).groups, '%d+') do
      for _, member in ipairs(seen[group] and {} or membersOf(group)) do
        if not found[member] then
          found[member] = true
          reached[#reached + 1] = member
        end
      end
      seen[group] = true
    end
    head = head + 1
  end
  return found
end

-- The reason of what is cancelled in a stopping plan.
local function stopReason()
  if plan.stopping == TIME_IS_UP then return 'plan_timeout', '' end
  return 'plan_stopped', plan.stopping
end

-- `cause` is the step that failed, or TIME_IS_UP.
local function stop(cause)
  plan.stopping = cause
  local byTime = cause == TIME_IS_UP
  local dependents = byTime and {} or behind({ cause })
  local cleanUp, expanding = stepsIn('!'), stepsIn('&')
  local ended = byTime and {} or { ending(cause) }
  for _, id in ipairs(allSteps()) do
    local step = loadStep(id)
    if not hasEnded(step) and not cleanUp[id] then
      if step[STATUS] ~= 'running' then
        -- What was queued by hand, or waits for another attempt, was on its way: it is cancelled.
        local waits = step[STATUS] == 'pending' or step[STATUS] == 'awaiting_approval'
        if dependents[id] and waits then skipStep(id, step, 'dependency_failed', cause) else cancelStep(id, step, stopReason()) end
        ended[#ended + 1] = ending(id)
      elseif expanding[id] and step[TOKEN] == EXPANDED then
        local reason, named = stopReason()
        cancelChildren(id, reason, named, false)
        local counts = childCounts(id)
        if counts.completed + counts.failed + counts.cancelled == counts.total then
          cancelStep(id, step, reason, named)
          ended[#ended + 1] = ending(id)
        end
      end
    end
  end
  if plan.inflight > 0 then halt('stop') end
  if next(cleanUp) then
    admit(settle(ended))
  else
    dropWaits()
  end
  finish()
end
