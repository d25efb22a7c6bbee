--[[
  The state of steps: one field per step in `<plan>:steps`, its parts joined by '|'. A step without a field has never
  left pending. The graph of the revision is in `<plan>:graph:<revision>`:
    <step>        place | tool | queue | dependencies | runIf | onError | attempts | the groups that wait for it
    <step>:refs   the steps that its references name, where there are any
    #<n>          the steps of group n, in the array's order: a group is all steps that wait for the same dependencies
    *  ^          all steps in the array's order; those without dependencies
  Lists are joined by ','. Both hold only what we wrote, never a user's value; no id or name of ours has '|' or ','.
]]
local STATUS, ATTEMPT, GENERATION, DELIVERY, TOKEN, CRASHES, NOT_BEFORE, STARTED_AT, FINISHED_AT, REASON, CAUSE = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
local stepsKey, waitsKey, readyKey, resultsKey = planKey .. ':steps', planKey .. ':waits', planKey .. ':ready', planKey .. ':results'
local graphCache = {}

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

local function loadStep(id)
  local text = redis.call('HGET', stepsKey, id)
  if not text then return { 'pending', 0, 1, 0, '', 0, 0, 0, 0, '', '' } end
  local status, attempt, generation, delivery, token, crashes, notBefore, startedAt, finishedAt, reason, cause =
    string.match(text, '^([^|]*)|(%d+)|(%d+)|(%d+)|([^|]*)|(%d+)|(%d+)|(%d+)|(%d+)|([^|]*)|(.*)$')
  return { status, tonumber(attempt), tonumber(generation), tonumber(delivery), token, tonumber(crashes), tonumber(notBefore), tonumber(startedAt), tonumber(finishedAt), reason, cause }
end

local function saveStep(id, step)
  redis.call('HSET', stepsKey, id, table.concat(step, '|'))
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
  step[FINISHED_AT] = now
  add(status, 1)
  saveStep(id, step)
end
