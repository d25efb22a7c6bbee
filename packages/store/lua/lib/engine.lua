--[[
  admit, settle, stop, finish: the building blocks of docs/engine.md.
]]
local function byPlace(a, b)
  return routeOf(a).place < routeOf(b).place
end

local function joinReady(id)
  redis.call('ZADD', readyKey, routeOf(id).place, id)
  add('ready', 1)
end

-- Queues steps in the order given. Jobs are added back to front, because the last one added is taken first.
local function queueSteps(ids)
  local steps = {}
  if #ids > 1 then loadSteps(ids) end
  for position, id in ipairs(ids) do
    local step = loadStep(id)
    step[STATUS] = 'queued'
    step[DELIVERY] = step[DELIVERY] + 1
    step[NOT_BEFORE] = '0'
    saveStep(id, step)
    emit('step.queued', { step = id }, '{"delivery":' .. step[DELIVERY] .. '}')
    steps[position] = step
  end
  for position = #ids, 1, -1 do
    addStepJob(ids[position], routeOf(ids[position]), steps[position], 0)
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
  local succeeded = node.dependencies - failed - skipped
  local rule = node.runIf
  if rule == 'all_done' then return true end
  if failed > 0 then return false, 'dependency_failed', cause end
  if rule == 'none_failed' then return true end
  if rule == 'all_success' then return skipped == 0, 'dependency_skipped', cause end
  return succeeded > 0, 'dependency_skipped', cause
end

-- What a group that waits for the same dependencies has counted: how many failed, how many were skipped, the first cause.
local function groupCounts(group)
  local counts = redis.call('HMGET', waitsKey, group .. ':failed', group .. ':skipped', group .. ':cause')
  return tonumber(counts[1] or 0), tonumber(counts[2] or 0), counts[3] or ''
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
          redis.call('HSETNX', waitsKey, group .. ':cause', cause)
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
  redis.call('DEL', waitsKey)
  setField('finishedAt', timeText())
  movePlan(status)
  emit('plan.' .. status, {}, plan.stopping ~= '' and cjson.encode({ stepId = plan.stopping }) or '{}')
end

-- The ids of all steps that depend on this one, directly or not.
local function behind(id)
  local found, reached = {}, { id }
  local head = 1
  while head <= #reached do
    for group in string.gmatch(graphOf(reached[head]).groups, '%d+') do
      for _, member in ipairs(membersOf(group)) do
        if not found[member] then
          found[member] = true
          reached[#reached + 1] = member
        end
      end
    end
    head = head + 1
  end
  return found
end

local function allSteps()
  local ids = list(redis.call('HGET', graphKey(), '*'))
  loadSteps(ids)
  return ids
end

-- Executors abort what runs: they hear it here, and look by themselves in case they don't.
local function halt()
  redis.call('PUBLISH', prefix .. ':halt', planId)
end

local function stop(id)
  plan.stopping = id
  local dependents = behind(id)
  for _, other in ipairs(allSteps()) do
    local step = loadStep(other)
    if not hasEnded(step) and step[STATUS] ~= 'running' then
      if dependents[other] then skipStep(other, step, 'dependency_failed', id) else cancelStep(other, step, 'plan_stopped', id) end
    end
  end
  redis.call('DEL', readyKey, waitsKey)
  plan.ready = 0
  if plan.running > 0 then halt() end
  finish()
end

local function failStepForGood(id, step, errorText)
  keepResult('error:' .. id, errorText)
  endStep(id, step, 'failed')
  emit('step.failed', { step = id, attempt = step[ATTEMPT] }, '{"error":' .. errorText .. '}')
  if plan.stopping ~= '' then
    finish()
  elseif graphOf(id).onError == 'stop' then
    stop(id)
  else
    admit(settle(id, 'failed'))
    finish()
  end
end

local function startPlan()
  setField('startedAt', timeText())
  movePlan('executing')
  emit('plan.started', {}, cjson.encode({ digest = plan.digest }))
  local roots = list(redis.call('HGET', graphKey(), '^'))
  for _, id in ipairs(roots) do emit('step.ready', { step = id }) end
  admit(roots)
end
