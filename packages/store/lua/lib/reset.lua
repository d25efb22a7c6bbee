--[[
  Steps that are set back to pending, to run again: docs/engine.md, retry.
]]
local function dropFields(names)
  for from = 1, #names, 1000 do redis.call('HDEL', stepsKey, unpack(names, from, math.min(from + 999, #names))) end
end

local function pendingState(generation)
  return { 'pending', 0, generation, 0, '', '0', '0', '0', '0', '', '' }
end

-- Forgets a step's children but those that stay completed, and adds the ids of these to `staying`. `kept` as in resetStep.
local function resetChildren(id, kept, staying)
  local counts = childCounts(id)
  -- A step that was set back and not expanded again is as good as it was then: how many children it had is kept with them.
  local before = counts and counts.total or tonumber(resultOf('kept:' .. id) or 0)
  if before == 0 then return end
  local keeps = kept and (not counts or loadStep(id)[STATUS] == 'failed')
  local children, gone, stay = {}, { 'children:' .. id }, 0
  for index = 0, before - 1 do children[index + 1] = childOf(id, index) end
  loadSteps(children)
  for _, child in ipairs(children) do
    if keeps and loadStep(child)[STATUS] == 'completed' then
      stay = stay + 1
      staying[#staying + 1] = child
    else
      for _, field in ipairs({ '', 'output:', 'error:', 'input:', 'progress:', 'item:' }) do gone[#gone + 1] = field .. child end
    end
  end
  if stay > 0 then keepResult('kept:' .. id, before) else gone[#gone + 1] = 'kept:' .. id end
  dropFields(gone)
end

-- `kept` says that none of the step's dependencies is set back: what was done and decided for the step itself stays good.
local function resetStep(id, kept)
  local step = loadStep(id)
  local generation = string.format('%d', step[GENERATION] + 1)
  local gone = { 'output:' .. id, 'error:' .. id, 'input:' .. id, 'progress:' .. id }
  local gate = gateOf(id)
  if gate and not (kept and gate.decision == 'approved') then
    for _, field in ipairs({ 'gate:', 'votes:', 'answer:', 'message:', 'effects:' }) do gone[#gone + 1] = field .. id end
  end
  dropFields(gone)
  add(step[STATUS], -1)
  saveStep(id, pendingState(generation))
end

-- `chosen` is a set; returns its ids in the array's order, and those of children that stay completed.
local function resetSteps(chosen)
  local ids = {}
  for _, id in ipairs(allSteps()) do
    if chosen[id] then ids[#ids + 1] = id end
  end
  -- A dependency that is set back makes what was decided behind it void.
  local void, seen = {}, {}
  for _, id in ipairs(ids) do
    for group in string.gmatch(graphOf(id).groups, '%d+') do
      for _, member in ipairs(seen[group] and {} or membersOf(group)) do void[member] = true end
      seen[group] = true
    end
  end
  local expanding, staying = stepsIn('&'), {}
  for _, id in ipairs(ids) do
    if expanding[id] then resetChildren(id, not void[id], staying) end
    resetStep(id, not void[id])
  end
  return ids, staying
end

local function retried(actor, ids, staying)
  -- An empty list would be written as an object.
  local names = #ids == 0 and '[]' or cjson.encode(ids)
  local kept = #staying == 0 and '' or ',"kept":' .. cjson.encode(staying)
  emit('plan.retried', { actor = actor }, '{"steps":' .. names .. kept .. '}')
end

-- A plan that failed, in whole or in part, executes again, with all of its time.
local function executeAgain()
  dropRequest()
  plan.stopping = ''
  redis.call('HDEL', planKey, 'finishedAt', 'response', 'deadline', 'remaining')
  movePlan('executing')
  startClock()
end
