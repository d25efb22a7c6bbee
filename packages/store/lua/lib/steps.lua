--[[
  The state of steps: one field per step in `<plan>:steps`, a JSON list. A step without a field has never left pending.
  The graph of the revision is in `<plan>:graph:<revision>`: per step its place, tool, queue, dependents and rules;
  '*' lists all ids in order, '^' those without dependencies. Both hold only what we wrote, never a user's value.
]]
local STATUS, ATTEMPT, GENERATION, DELIVERY, TOKEN, CRASHES, NOT_BEFORE, STARTED_AT, FINISHED_AT, REASON, CAUSE = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
local stepsKey, waitsKey, readyKey, resultsKey = planKey .. ':steps', planKey .. ':waits', planKey .. ':ready', planKey .. ':results'
local graphCache = {}

local function graphOf(id)
  local node = graphCache[id]
  if node == nil then
    local text = redis.call('HGET', planKey .. ':graph:' .. plan.revision, id)
    node = text and cjson.decode(text) or false
    graphCache[id] = node
  end
  return node
end

local function loadStep(id)
  local text = redis.call('HGET', stepsKey, id)
  if text then return cjson.decode(text) end
  return { 'pending', 0, 1, 0, '', 0, 0, 0, 0, '', '' }
end

local function saveStep(id, step)
  redis.call('HSET', stepsKey, id, cjson.encode(step))
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
