--[[
  A step has ended: what becomes of those that wait for it. docs/engine.md, settle.
]]
local function skipStep(id, step, reason, cause)
  step[REASON], step[CAUSE] = reason, cause
  endStep(id, step, 'skipped')
  emit('step.skipped', { step = id }, cjson.encode({ reason = { kind = reason, stepId = cause } }))
end

-- Whether a step may run, all its dependencies having ended; where not, why.
local function decide(id, failed, skipped, cause)
  local node = graphOf(id)
  local succeeded = node.dependencies - failed - skipped
  local rule = node.runIf
  if rule == 'all_done' then return true end
  if failed > 0 then return false, 'dependency_failed', cause end
  if rule == 'none_failed' then return true end
  if rule == 'all_success' then return skipped == 0, 'dependency_skipped', cause end
  return succeeded > 0, 'dependency_skipped', cause
end

-- What a group that waits for the same dependencies has counted: how many failed, how many were skipped, and the first
-- cause of a failure, or of a skip where none failed.
local function groupCounts(group)
  local counts = redis.call('HMGET', waitsKey, group .. ':failed', group .. ':skipped', group .. ':failed:cause', group .. ':skipped:cause')
  return tonumber(counts[1] or 0), tonumber(counts[2] or 0), counts[3] or counts[4] or ''
end

-- `outcome` is 'succeeded', 'failed' or 'skipped'. Returns the steps that became ready.
local function settle(first, outcome)
  local fresh = {}
  local ended, head = { { first, outcome, first } }, 1
  -- Without a failure or a skip so far, a step whose dependencies have all ended can run, whatever its rule.
  local clean = plan.failed == 0 and plan.skipped == 0
  while head <= #ended do
    local id, result, cause = ended[head][1], ended[head][2], ended[head][3]
    head = head + 1
    local decided = {}
    for group, alone in string.gmatch(graphOf(id).groups, '(%d+)(=?)') do
      local left, failed, skipped, named = 0, result == 'failed' and 1 or 0, result == 'skipped' and 1 or 0, cause
      if alone == '' then
        left = redis.call('HINCRBY', waitsKey, group, -1)
        if result ~= 'succeeded' then
          redis.call('HINCRBY', waitsKey, group .. ':' .. result, 1)
          redis.call('HSETNX', waitsKey, group .. ':' .. result .. ':cause', cause)
        end
        if left == 0 and not clean then failed, skipped, named = groupCounts(group) end
      end
      if left == 0 then
        for _, member in ipairs(membersOf(group)) do
          decided[#decided + 1] = { member, failed, skipped, named }
        end
      end
    end
    if #decided > 1 then
      table.sort(decided, function(a, b) return byPlace(a[1], b[1]) end)
    end
    for _, each in ipairs(decided) do
      local runs, reason, named = true, nil, nil
      if not clean then runs, reason, named = decide(each[1], each[2], each[3], each[4]) end
      if runs then
        emit('step.ready', { step = each[1] })
        fresh[#fresh + 1] = each[1]
      else
        skipStep(each[1], loadStep(each[1]), reason, named)
        ended[#ended + 1] = { each[1], reason == 'dependency_failed' and 'failed' or 'skipped', named }
      end
    end
  end
  return fresh
end
