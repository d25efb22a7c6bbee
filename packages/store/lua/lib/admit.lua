--[[
  Steps that are ready get places under the cap: docs/engine.md, admit.
]]
local function byPlace(a, b)
  return routeOf(a).place < routeOf(b).place
end

-- Plans under way go before plans of the same priority that wait to start.
local function deliveryOf(step)
  local started = plan.running + plan.completed + plan.failed + plan.skipped + plan.cancelled > 0
  return { revision = plan.revision, generation = step[GENERATION], number = step[DELIVERY], at = timeText(), weight = started and plan.weight or plan.weight + 1 }
end

local function joinReady(id)
  redis.call('ZADD', readyKey, routeOf(id).place, id)
  add('ready', 1)
end

-- Queues steps in the order given.
local function queueSteps(ids)
  if #ids > 1 then loadSteps(ids) end
  for _, id in ipairs(ids) do
    local step = loadStep(id)
    step[STATUS] = 'queued'
    step[DELIVERY] = step[DELIVERY] + 1
    step[NOT_BEFORE] = '0'
    saveStep(id, step)
    emit('step.queued', { step = id }, '{"delivery":' .. step[DELIVERY] .. '}')
    addStepJob(id, routeOf(id), deliveryOf(step), 0)
  end
  add('inflight', #ids)
end

-- `fresh` are steps that became ready in this very command, in any order; they are not in the ready set yet.
local function admit(fresh)
  local room = plan.status == 'executing' and plan.cap - plan.inflight or 0
  if plan.ready == 0 and #fresh <= room then
    table.sort(fresh, byPlace)
    if #fresh > 0 then queueSteps(fresh) end
    return
  end
  for _, id in ipairs(fresh) do
    local step = loadStep(id)
    step[STATUS] = 'ready'
    saveStep(id, step)
    joinReady(id)
  end
  local count = math.min(room, plan.ready)
  if count <= 0 then return end
  local popped = redis.call('ZPOPMIN', readyKey, count)
  local ids = {}
  for i = 1, #popped, 2 do
    -- One that does not wait is in the set by half a transition alone, and must not run again.
    local status = loadStep(popped[i])[STATUS]
    if status == 'ready' or status == 'retrying' then ids[#ids + 1] = popped[i] end
  end
  add('ready', -#popped / 2)
  queueSteps(ids)
end
