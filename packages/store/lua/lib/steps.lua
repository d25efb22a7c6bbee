--[[
  The state of steps: one field per step in `<plan>:steps`, its parts joined by '|'. A step without a field has never
  left pending. Beside it, as they came: output:<step>, error:<step>, input:<step> (resolved), progress:<step>.
  Changed steps are written back all at once, by savePlan. The graph of the revision is in `<plan>:graph:<revision>`:
    <step>        place | tool | queue | dependencies | runIf | onError | attempts | the groups that wait for it
    #<n>          the steps of group n, in the array's order, each as step:place:tool:queue; a group is all steps that
                  wait for the same dependencies. A group of one dependency is named <n>= where it is waited for
    *  ^          all steps in the array's order; those without dependencies
  Lists are joined by ','. Both hold only what we wrote, never a user's value; no id or name of ours has '|' or ','.
]]
local STATUS, ATTEMPT, GENERATION, DELIVERY, TOKEN, CRASHES, NOT_BEFORE, STARTED_AT, FINISHED_AT, REASON, CAUSE = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
local waitsKey, readyKey = planKey .. ':waits', planKey .. ':ready'
local graphCache, routeCache, stepCache, stepWrites = {}, {}, {}, {}

local function graphKey()
  return planKey .. ':graph:' .. plan.revision
end

local function list(text)
  local items = {}
  for item in string.gmatch(text or '', '[^,]+') do items[#items + 1] = item end
  return items
end

local function parseNode(text)
  local place, tool, queue, dependencies, runIf, onError, attempts, groups = string.match(text, '^(%d+)|([^|]*)|([^|]*)|(%d+)|([^|]*)|([^|]*)|(%d+)|(.*)$')
  return { place = tonumber(place), tool = tool, queue = queue, dependencies = tonumber(dependencies), runIf = runIf, onError = onError, attempts = tonumber(attempts), groups = groups }
end

local function graphOf(id)
  local node = graphCache[id]
  if node == nil then
    local text = redis.call('HGET', graphKey(), id)
    node = text and parseNode(text) or false
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

-- Keeps what a step gave, to be written along with the changed steps.
local function keepResult(field, text)
  stepFields[#stepFields + 1] = field
  stepFields[#stepFields + 1] = text
end

collectSteps = function()
  for id in pairs(stepWrites) do keepResult(id, stepText(stepCache[id])) end
end

local function hasEnded(step)
  local status = step[STATUS]
  return status == 'completed' or status == 'failed' or status == 'skipped' or status == 'cancelled'
end

-- Takes a step that is queued or running out of the plan's counts.
local function leaveFlight(step)
  if step[STATUS] == 'running' then add('running', -1) end
  if step[STATUS] == 'running' or step[STATUS] == 'queued' then add('inflight', -1) end
end

local function endStep(id, step, status)
  leaveFlight(step)
  step[STATUS] = status
  step[FINISHED_AT] = timeText()
  add(status, 1)
  saveStep(id, step)
end
