--[[
  Steps have ended: what becomes of those that wait for them. docs/engine.md, settle.
]]
local function skipStep(id, step, reason, cause, event)
  step[REASON], step[CAUSE] = reason, cause
  endStep(id, step, 'skipped')
  emit('step.skipped', event or { step = id }, cjson.encode({ reason = { kind = reason, stepId = cause ~= '' and cause or nil } }))
end

local function isBehindFailure(step)
  return step[STATUS] == 'skipped' and step[REASON] == 'dependency_failed'
end

-- An ended step as the worklist has it: its id, how it counts for those behind it, and the failure that they name.
local function ending(id)
  local step = loadStep(id)
  if step[STATUS] == 'completed' then return { id, 'succeeded', id } end
  if isBehindFailure(step) then return { id, 'failed', step[CAUSE] } end
  return { id, step[STATUS] == 'skipped' and 'skipped' or 'failed', id }
end

-- Whether a step may run, all its dependencies having ended; where not, why. `cause` is the failure that was counted first.
local function decide(id, failed, skipped, cause)
  local node = graphOf(id)
  local undecided = false
  for condition, side in string.gmatch(node.branches, '([^,:]+):([01])') do
    local step = loadStep(condition)
    if step[STATUS] == 'completed' then
      if resultOf('output:' .. condition) ~= (side == '1' and 'true' or 'false') then return false, 'branch_not_taken', condition end
    elseif step[STATUS] == 'skipped' and not isBehindFailure(step) then
      return false, 'branch_not_taken', condition
    else
      undecided = true
    end
  end
  local rule = node.runIf
  if rule == 'all_done' and not undecided then return true end
  if failed > 0 then return false, 'dependency_failed', cause end
  if rule == 'none_failed' or node.dependencies == 0 then return true end
  if rule == 'all_success' then return skipped == 0, 'dependency_skipped', '' end
  return node.dependencies - skipped > 0, 'dependency_skipped', ''
end

-- Decides a pending step: it joins `fresh`, or asks, or is skipped and joins the worklist `ended`.
local function decideStep(id, counts, fresh, ended)
  local runs, reason, cause = decide(id, counts.failed, counts.skipped, counts.cause or '')
  if runs then return open(id, fresh, true) end
  skipStep(id, loadStep(id), reason, cause)
  ended[#ended + 1] = ending(id)
end

-- What a group that waits for the same dependencies has counted: how many are left, how many failed, how many were skipped,
-- and the first failure.
local function groupCounts(group)
  local counts = groupCache[group]
  if not counts then
    local found = redis.call('HMGET', waitsKey, group, group .. ':failed', group .. ':skipped', group .. ':cause')
    counts = { left = tonumber(found[1] or 0), failed = tonumber(found[2] or 0), skipped = tonumber(found[3] or 0), cause = found[4] or '' }
    groupCache[group] = counts
  end
  return counts
end

local function countEnding(group, result, cause)
  local counts = groupCounts(group)
  counts.left = counts.left - 1
  if result ~= 'succeeded' then counts[result] = counts[result] + 1 end
  if result == 'failed' and counts.cause == '' then counts.cause = cause end
  groupWrites[group] = true
  return counts
end

-- `ended` is the worklist to begin with, see `ending`. Returns the steps that became ready.
local function settle(ended)
  local fresh, head = {}, 1
  while head <= #ended do
    local id, result, cause = ended[head][1], ended[head][2], ended[head][3]
    head = head + 1
    -- Without a failure or a skip so far, a plain step whose dependencies have all ended can run, whatever its rule.
    local clean = plan.failed + plan.skipped + plan.cancelled == 0
    local decided = {}
    for group, alone, special in string.gmatch(graphOf(id).groups, '(%d+)(=?)(!?)') do
      local left, failed, skipped, named = 0, result == 'failed' and 1 or 0, result == 'skipped' and 1 or 0, cause
      if alone == '' then
        local counts = countEnding(group, result, cause)
        left = counts.left
        if left == 0 and not clean then failed, skipped, named = counts.failed, counts.skipped, counts.cause end
      end
      if left == 0 then
        for _, member in ipairs(membersOf(group)) do
          decided[#decided + 1] = { member, failed, skipped, named, special ~= '' }
        end
      end
    end
    if #decided > 1 then
      table.sort(decided, function(a, b) return byPlace(a[1], b[1]) end)
      local members = {}
      for position, each in ipairs(decided) do members[position] = each[1] end
      loadSteps(members)
    end
    for _, each in ipairs(decided) do
      local member, special = each[1], each[5]
      -- A step that was ended by hand, or ran in an earlier round of a plan that is retried, is left alone.
      if loadStep(member)[STATUS] == 'pending' then
        if special or not clean then
          decideStep(member, { failed = each[2], skipped = each[3], cause = each[4] }, fresh, ended)
        else
          open(member, fresh, false)
        end
      end
    end
  end
  return fresh
end

-- A step has ended: those behind it go on, and maybe the plan has ended.
local function settleStep(id)
  admit(settle({ ending(id) }))
  finish()
end
