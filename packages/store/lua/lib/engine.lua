--[[
  admit, settle, stop, finish: the building blocks of docs/engine.md.
]]
local function byPlace(a, b)
  return graphOf(a).i < graphOf(b).i
end

local function joinReady(id)
  redis.call('ZADD', readyKey, graphOf(id).i, id)
  add('ready', 1)
end

-- Queues steps in the order given. Jobs are added back to front, because the last one added is taken first.
local function queueSteps(ids)
  local steps = {}
  for position, id in ipairs(ids) do
    local step = loadStep(id)
    step[STATUS] = 'queued'
    step[DELIVERY] = step[DELIVERY] + 1
    step[NOT_BEFORE] = 0
    saveStep(id, step)
    emit('step.queued', { step = id }, '{"delivery":' .. step[DELIVERY] .. '}')
    steps[position] = step
  end
  for position = #ids, 1, -1 do
    addStepJob(ids[position], graphOf(ids[position]), steps[position], 0)
  end
  add('inflight', #ids)
end

-- `fresh` are steps that became ready in this very command, in any order; they are not in the ready set yet.
local function admit(fresh)
  if plan.stopping ~= '' then return end
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
  for i = 1, #popped, 2 do ids[#ids + 1] = popped[i] end
  add('ready', -#ids)
  queueSteps(ids)
end

local function skipStep(id, step, reason, cause)
  step[REASON], step[CAUSE] = reason, cause
  endStep(id, step, 'skipped')
  emit('step.skipped', { step = id }, cjson.encode({ reason = { kind = reason, stepId = cause } }))
end

local function cancelStep(id, step, reason, cause)
  local attempt = step[ATTEMPT]
  step[REASON], step[CAUSE] = reason, cause
  step[TOKEN] = ''
  endStep(id, step, 'cancelled')
  emit('step.cancelled', { step = id, attempt = attempt > 0 and attempt or nil }, cjson.encode({ reason = { kind = reason, stepId = cause ~= '' and cause or nil } }))
end

-- Whether a step may run, all its dependencies having ended; where not, why.
local function decide(id, failed, skipped, cause)
  local node = graphOf(id)
  local succeeded = node.n - failed - skipped
  local rule = node.x
  if rule == 'all_done' then return true end
  if failed > 0 then return false, 'dependency_failed', cause end
  if rule == 'none_failed' then return true end
  if rule == 'all_success' then return skipped == 0, 'dependency_skipped', cause end
  return succeeded > 0, 'dependency_skipped', cause
end

-- `outcome` is 'succeeded', 'failed' or 'skipped'. Returns the steps that became ready.
local function settle(first, outcome)
  local fresh = {}
  local list, head = { { first, outcome, first } }, 1
  -- Without a failure or a skip so far, a step whose dependencies have all ended can run, whatever its rule.
  local clean = plan.failed == 0 and plan.skipped == 0
  while head <= #list do
    local ended, result, cause = list[head][1], list[head][2], list[head][3]
    head = head + 1
    for _, id in ipairs(graphOf(ended).d) do
      local left = redis.call('HINCRBY', waitsKey, id, -1)
      if result == 'failed' then
        redis.call('HINCRBY', waitsKey, id .. ':failed', 1)
        redis.call('HSETNX', waitsKey, id .. ':cause', cause)
      elseif result == 'skipped' then
        redis.call('HINCRBY', waitsKey, id .. ':skipped', 1)
        redis.call('HSETNX', waitsKey, id .. ':cause', cause)
      end
      if left == 0 then
        local runs, reason, named = true, nil, nil
        if clean then
          redis.call('HDEL', waitsKey, id)
        else
          local counts = redis.call('HMGET', waitsKey, id .. ':failed', id .. ':skipped', id .. ':cause')
          redis.call('HDEL', waitsKey, id, id .. ':failed', id .. ':skipped', id .. ':cause')
          runs, reason, named = decide(id, tonumber(counts[1] or 0), tonumber(counts[2] or 0), counts[3] or '')
        end
        if runs then
          emit('step.ready', { step = id })
          fresh[#fresh + 1] = id
        else
          skipStep(id, loadStep(id), reason, named)
          list[#list + 1] = { id, reason == 'dependency_failed' and 'failed' or 'skipped', named }
        end
      end
    end
  end
  return fresh
end

local function finish()
  local status
  if plan.stopping ~= '' then
    if plan.running > 0 then return end
    status = 'failed'
  elseif plan.completed + plan.failed + plan.skipped + plan.cancelled < plan.total then
    return
  elseif plan.failed == 0 then
    status = 'completed'
  elseif plan.completed > 0 then
    status = 'partial'
  else
    status = 'failed'
  end
  change('finishedAt', now)
  movePlan(status)
  emit('plan.' .. status, {}, plan.stopping ~= '' and cjson.encode({ stepId = plan.stopping }) or '{}')
end

-- The ids of all steps that depend on this one, directly or not.
local function behind(id)
  local found, list = {}, { id }
  local head = 1
  while head <= #list do
    for _, dependent in ipairs(graphOf(list[head]).d) do
      if not found[dependent] then
        found[dependent] = true
        list[#list + 1] = dependent
      end
    end
    head = head + 1
  end
  return found
end

local function allSteps()
  return cjson.decode(redis.call('HGET', planKey .. ':graph:' .. plan.revision, '*'))
end

-- Executors abort what runs: they hear it here, and look by themselves in case they don't.
local function halt()
  redis.call('PUBLISH', prefix .. ':halt', planId)
end

local function stop(id)
  change('stopping', id)
  local dependents = behind(id)
  for _, other in ipairs(allSteps()) do
    local step = loadStep(other)
    if not hasEnded(step) and step[STATUS] ~= 'running' then
      if dependents[other] then skipStep(other, step, 'dependency_failed', id) else cancelStep(other, step, 'plan_stopped', id) end
    end
  end
  redis.call('DEL', readyKey, waitsKey)
  change('ready', 0)
  if plan.running > 0 then halt() end
  finish()
end

local function failStepForGood(id, step, errorText)
  redis.call('HSET', resultsKey, 'error:' .. id, errorText)
  endStep(id, step, 'failed')
  emit('step.failed', { step = id, attempt = step[ATTEMPT] }, '{"error":' .. errorText .. '}')
  if plan.stopping ~= '' then
    finish()
  elseif graphOf(id).e == 'stop' then
    stop(id)
  else
    admit(settle(id, 'failed'))
    finish()
  end
end

local function startPlan()
  change('startedAt', now)
  movePlan('executing')
  emit('plan.started', {}, cjson.encode({ digest = plan.digest }))
  local roots = cjson.decode(redis.call('HGET', planKey .. ':graph:' .. plan.revision, '^'))
  for _, id in ipairs(roots) do emit('step.ready', { step = id }) end
  admit(roots)
end
