--[[
  Steps that are set back to pending, to run again: docs/engine.md, retry.
]]
local function dropFields(names)
  for from = 1, #names, 1000 do redis.call('HDEL', stepsKey, unpack(names, from, math.min(from + 999, #names))) end
end

local function pendingState(generation)
  return { 'pending', 0, generation, 0, '', '0', '0', '0', '0', '', '' }
end

-- `kept` says that none of the step's dependencies is set back: what was done and decided for the step itself stays good.
local function resetStep(id, kept)
  local step = loadStep(id)
  local failedBefore = step[STATUS] == 'failed'
  local generation = string.format('%d', step[GENERATION] + 1)
  local gone = { 'output:' .. id, 'error:' .. id, 'input:' .. id, 'progress:' .. id }
  local gate = gateOf(id)
  if gate and not (kept and gate.decision == 'approved') then
    for _, field in ipairs({ 'gate:', 'votes:', 'answer:', 'message:' }) do gone[#gone + 1] = field .. id end
  end
  local counts = childCounts(id)
  if counts then
    for _, child in ipairs(childrenOf(id)) do
      if not (kept and failedBefore and loadStep(child)[STATUS] == 'completed') then
        for _, field in ipairs({ '', 'output:', 'error:', 'input:', 'progress:', 'item:' }) do gone[#gone + 1] = field .. child end
      end
    end
    gone[#gone + 1] = 'children:' .. id
  end
  dropFields(gone)
  add(step[STATUS], -1)
  saveStep(id, pendingState(generation))
end

-- `chosen` is a set; returns its ids in the array's order.
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
  for _, id in ipairs(ids) do resetStep(id, not void[id]) end
  return ids
end

local function retried(actor, ids)
  -- An empty list would be written as an object.
  local names = #ids == 0 and '[]' or cjson.encode(ids)
  emit('plan.retried', { actor = actor }, '{"steps":' .. names .. '}')
end
