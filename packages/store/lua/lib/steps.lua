--[[
  The state of steps: one field per step in `<plan>:steps`, its parts joined by '|'. A step without a field has never
  left pending. Beside it, as they came: output:<step>, error:<step>, input:<step> (resolved), progress:<step>.
  Of a gate that has asked: gate:<step> (since | deadline | have | decision), votes:<step>, answer:<step>, message:<step>,
  effects:<step> (what it will do with its resolved input, in words).
  Of a forEach step: children:<step> (total | completed | failed | cancelled), and under `<step>[<n>]` all that a step has,
  with item:<step>[<n>] besides; kept:<step> once it was set back and completed children stay: how many it had. Changed steps are written back all at once, by savePlan.
  The graph of the revision is in `<plan>:graph:<revision>`:
    <step>        place | tool | queue | dependencies | runIf | onError | attempts | gate | branches | group |
                  the groups that wait for it
                  gate: quorum and how it asks (a: at once, l: after an executor has looked), or nothing; branches: the
                  conditions that it hangs on, as condition:1 or condition:0; group: the one that it is in
    #<n>          the steps of group n, in the array's order, each as step:place:tool:queue; a group is all steps that
                  wait for the same dependencies. Where it is waited for, a group of one dependency is named <n>=, and
                  one that has a gate or hangs on a branch <n>! or <n>=!
    *  ^          all steps in the array's order; those without dependencies
    !  &  ?       clean-up steps; forEach steps; the steps without dependencies that are gates. Absent where there are none
  Lists are joined by ','. Both hold only what we wrote, never a user's value; no id or name of ours has '|' or ','.
]]
local STATUS, ATTEMPT, GENERATION, DELIVERY, TOKEN, CRASHES, NOT_BEFORE, STARTED_AT, FINISHED_AT, REASON, CAUSE = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
-- The token of a forEach step whose children run: no executor holds it.
local EXPANDED = '*'
local waitsKey, readyKey = planKey .. ':waits', planKey .. ':ready'
local graphCache, routeCache, stepCache, stepWrites, groupCache, groupWrites = {}, {}, {}, {}, {}, {}

local function graphKey()
  return planKey .. ':graph:' .. plan.revision
end

local function list(text)
  local items = {}
  for item in string.gmatch(text or '', '[^,]+') do items[#items + 1] = item end
  return items
end

local function parseNode(text)
  local place, tool, queue, dependencies, runIf, onError, attempts, gate, branches, group, groups =
    string.match(text, '^(%d+)|([^|]*)|([^|]*)|(%d+)|([^|]*)|([^|]*)|(%d+)|([^|]*)|([^|]*)|([^|]*)|(.*)$')
  return {
    place = tonumber(place), tool = tool, queue = queue, dependencies = tonumber(dependencies), runIf = runIf, onError = onError,
    attempts = tonumber(attempts), gate = gate, branches = branches, group = group, groups = groups,
  }
end

-- The step and the index of a forEach step's child; nothing for a step.
local function parentOf(id)
  if not string.find(id, '[', 1, true) then return nil end
  local parent, index = string.match(id, '^(.+)%[(%d+)%]$')
  return parent, tonumber(index)
end

local function childOf(parent, index)
  return parent .. '[' .. index .. ']'
end

-- A child has the node of its step, but for its place: right behind the children before it.
local function graphOf(id)
  local node = graphCache[id]
  if node == nil then
    local parent, index = parentOf(id)
    local text = redis.call('HGET', graphKey(), parent or id)
    node = text and parseNode(text) or false
    if node and parent then
      node.place, node.groups = node.place + (index + 1) / 16384, ''
      if not (stepCache[id] or redis.call('HGET', stepsKey, id)) then node = false end
    end
    graphCache[id] = node
  end
  return node
end

-- Where a step's job goes, and in which order: all that queueing it needs.
local function routeOf(id)
  return routeCache[id] or graphOf(id)
end

-- The ids of a group's steps; keeps their routes.
local function membersOf(group)
  local members = {}
  for member, place, tool, queue in string.gmatch(redis.call('HGET', graphKey(), '#' .. group), '([^,:]+):([^,:]+):([^,:]+):([^,:]+)') do
    members[#members + 1] = member
    routeCache[member] = routeCache[member] or { place = tonumber(place), tool = tool, queue = queue }
  end
  return members
end

-- Attempt and delivery are numbers; the rest stays text, for making text of numbers costs more than anything else here.
local function parseStep(text)
  if not text then return { 'pending', 0, '1', 0, '', '0', '0', '0', '0', '', '' } end
  local status, attempt, generation, delivery, token, crashes, notBefore, startedAt, finishedAt, reason, cause =
    string.match(text, '^([^|]*)|(%d+)|(%d+)|(%d+)|([^|]*)|(%d+)|(%d+)|(%d+)|(%d+)|([^|]*)|(.*)$')
  return { status, tonumber(attempt), generation, tonumber(delivery), token, crashes, notBefore, startedAt, finishedAt, reason, cause }
end

local function loadStep(id)
  local step = stepCache[id]
  if not step then
    step = parseStep(redis.call('HGET', stepsKey, id))
    stepCache[id] = step
  end
  return step
end

-- Loads many steps in few calls, ahead of loadStep.
local function loadSteps(ids)
  for from = 1, #ids, 1000 do
    local to = math.min(from + 999, #ids)
    local texts = redis.call('HMGET', stepsKey, unpack(ids, from, to))
    for i = from, to do
      stepCache[ids[i]] = stepCache[ids[i]] or parseStep(texts[i - from + 1])
    end
  end
end

local function saveStep(id, step)
  stepCache[id] = step
  stepWrites[id] = true
end

local function stepText(step)
  return string.format('%s|%d|%s|%d|%s|%s|%s|%s|%s|%s|%s', step[STATUS], step[ATTEMPT], step[GENERATION], step[DELIVERY], step[TOKEN],
    step[CRASHES], step[NOT_BEFORE], step[STARTED_AT], step[FINISHED_AT], step[REASON], step[CAUSE])
end

collectSteps = function()
  for id in pairs(stepWrites) do keepResult(id, stepText(stepCache[id])) end
end

-- What groups have counted, changed in hand by settle, is written behind the states of the steps: where Redis has only a part
-- of this, too much is left to wait for and never too little. docs/engine.md, half a transition.
collectGroups = function()
  local fields = {}
  for group in pairs(groupWrites) do
    local counts = groupCache[group]
    local values = { [''] = counts.left, [':failed'] = counts.failed, [':skipped'] = counts.skipped, [':cause'] = counts.cause }
    for name, value in pairs(values) do
      if name == '' or (value ~= 0 and value ~= '') then
        fields[#fields + 1] = group .. name
        fields[#fields + 1] = value
      end
    end
  end
  for from = 1, #fields, 1000 do redis.call('HSET', waitsKey, unpack(fields, from, math.min(from + 999, #fields))) end
end

local function dropWaits()
  redis.call('DEL', waitsKey)
  groupCache, groupWrites = {}, {}
end

local function allSteps()
  local ids = list(redis.call('HGET', graphKey(), '*'))
  loadSteps(ids)
  return ids
end

-- The steps of a list in the graph, as a set.
local function stepsIn(field)
  local set = {}
  for _, id in ipairs(list(redis.call('HGET', graphKey(), field))) do set[id] = true end
  return set
end

local function hasEnded(step)
  local status = step[STATUS]
  return status == 'completed' or status == 'failed' or status == 'skipped' or status == 'cancelled'
end

-- Steps that run whatever became of those before them, also while the plan is stopping. A child of one that has ended cleans
-- up for nobody any more.
local function isCleanUp(id)
  if graphOf(id).runIf ~= 'all_done' then return false end
  local parent = parentOf(id)
  return not (parent and hasEnded(loadStep(parent)))
end

-- A child is counted by its step; how many, by how they ended.
local function childCounts(parent)
  local text = resultOf('children:' .. parent)
  if not text then return nil end
  local total, completed, failed, cancelled = string.match(text, '^(%d+)|(%d+)|(%d+)|(%d+)$')
  return { total = tonumber(total), completed = tonumber(completed), failed = tonumber(failed), cancelled = tonumber(cancelled) }
end

local function saveChildCounts(parent, counts)
  keepResult('children:' .. parent, string.format('%d|%d|%d|%d', counts.total, counts.completed, counts.failed, counts.cancelled))
end

local function childrenOf(parent)
  local ids = {}
  local counts = childCounts(parent)
  for index = 0, (counts and counts.total or 0) - 1 do ids[#ids + 1] = childOf(parent, index) end
  loadSteps(ids)
  return ids
end

-- Takes a step out of the counts and the sets that it is in for as long as it has not ended.
local function leave(id, step)
  local status = step[STATUS]
  if status == 'running' or status == 'queued' then
    if step[TOKEN] ~= EXPANDED then add('inflight', -1) end
    if status == 'running' and not parentOf(id) then add('running', -1) end
  elseif status == 'ready' or status == 'retrying' then
    if redis.call('ZREM', readyKey, id) == 1 then add('ready', -1) end
  elseif status == 'awaiting_approval' then
    redis.call('ZREM', prefix .. ':approvals', planId .. ':' .. id)
    clearDue('gate', id)
  end
end

local function endStep(id, step, status)
  leave(id, step)
  step[STATUS] = status
  step[FINISHED_AT] = timeText()
  local parent = parentOf(id)
  if parent then
    local counts = childCounts(parent)
    counts[status] = counts[status] + 1
    saveChildCounts(parent, counts)
  else
    add(status, 1)
  end
  saveStep(id, step)
end
