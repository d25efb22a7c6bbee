--[[
  What half a transition can leave of an executing plan: docs/engine.md, half a transition. All of it is counted from the states
  of the steps. In a plan that is whole nothing is found, and nothing written.
]]
-- Takes what does not wait out of the ready set, and out of `waits`, its members. Returns how much differed.
local function recountReady(waits)
  local strangers, members = {}, 0
  for id in pairs(waits) do
    local status = loadStep(id)[STATUS]
    if status == 'ready' or status == 'retrying' then members = members + 1 else strangers[#strangers + 1] = id end
  end
  for _, id in ipairs(strangers) do
    redis.call('ZREM', readyKey, id)
    waits[id] = nil
  end
  if plan.ready == members then return #strangers end
  plan.ready = members
  return #strangers + 1
end

local COUNTED = { 'inflight', 'running', 'completed', 'failed', 'skipped', 'cancelled' }

-- Sets the plan's counts, and those of children, to what its steps are. Returns how many differed.
local function recountPlan(ids)
  local counts, differ = { inflight = 0, running = 0, completed = 0, failed = 0, skipped = 0, cancelled = 0 }, 0
  local expanding = stepsIn('&')
  local function countPlace(step)
    if step[STATUS] == 'queued' or (step[STATUS] == 'running' and step[TOKEN] ~= EXPANDED) then counts.inflight = counts.inflight + 1 end
  end
  for _, id in ipairs(ids) do
    local step = loadStep(id)
    local status = step[STATUS]
    if status == 'running' or hasEnded(step) then counts[status] = counts[status] + 1 end
    countPlace(step)
    local kept = expanding[id] and childCounts(id)
    if kept then
      local seen = { total = kept.total, completed = 0, failed = 0, cancelled = 0 }
      for _, child in ipairs(childrenOf(id)) do
        local state = loadStep(child)
        if seen[state[STATUS]] then seen[state[STATUS]] = seen[state[STATUS]] + 1 end
        countPlace(state)
      end
      if seen.completed ~= kept.completed or seen.failed ~= kept.failed or seen.cancelled ~= kept.cancelled then
        saveChildCounts(id, seen)
        differ = differ + 1
      end
    end
  end
  for _, name in ipairs(COUNTED) do
    if plan[name] ~= counts[name] then
      plan[name] = counts[name]
      differ = differ + 1
    end
  end
  return differ
end

-- Holds the pending steps against those that they wait for. Returns those of which none is left, in the array's order, and
-- whether a group's count of what is left is not that of its steps.
local function recountWaits(ids)
  local pending = {}
  for _, id in ipairs(ids) do
    if loadStep(id)[STATUS] == 'pending' then pending[#pending + 1] = id end
  end
  if #pending == 0 then return {}, false end
  loadGraph(ids)
  local ended = {}
  for _, id in ipairs(ids) do
    if hasEnded(loadStep(id)) then
      for group in string.gmatch(graphOf(id).groups, '%d+') do ended[group] = (ended[group] or 0) + 1 end
    end
  end
  local overdue, miscounted, seen = {}, false, {}
  for _, id in ipairs(pending) do
    local node = graphOf(id)
    local left = node.dependencies - (ended[node.group] or 0)
    if left == 0 then
      overdue[#overdue + 1] = id
    elseif node.dependencies > 1 and not seen[node.group] then
      seen[node.group] = true
      if groupCounts(node.group).left ~= left then miscounted = true end
    end
  end
  return overdue, miscounted
end

local function isDue(kind, id)
  return redis.call('ZSCORE', prefix .. ':due', dueMember(kind, id)) ~= false
end

-- Puts a gate that asks back where people and the clock find it. Returns whether it was missing.
local function showGate(id)
  local gate, missing = gateOf(id), false
  if not redis.call('ZSCORE', prefix .. ':approvals', planId .. ':' .. id) then
    redis.call('ZADD', prefix .. ':approvals', gate.since, planId .. ':' .. id)
    missing = true
  end
  if gate.deadline > 0 and not isDue('gate', id) then
    setDue('gate', gate.deadline, id)
    missing = true
  end
  return missing
end

-- Whether a forEach step still runs of whose children none does.
local function haveChildrenEnded(id)
  if loadStep(id)[STATUS] ~= 'running' or loadStep(id)[TOKEN] ~= EXPANDED then return false end
  local counts = childCounts(id)
  return counts and counts.completed + counts.failed + counts.cancelled == counts.total
end
