--[[
  An executor takes a step that the queue delivered to it, whatever state it is in. docs/engine.md, claim.
  KEYS[1] the plan's hash   KEYS[2] the lock of the job; none: there is no job
  ARGV    4 step   5 generation   6 delivery   7 token   8 executor, JSON text   9 crashes that are too many   10 what the lock must hold
  Replies claimed revision attempt taskId |
          not_due at in | parked | not_found | plan_not_executing | not_approved | stale_delivery | lock_lost | not_queued | plan_stopping | too_many_crashes
  Events  step.queued, step.started; step.cancelled, step.failed and what follows from them
]]
--- include context
--- include engine
--- include release

local id, generation, delivery, token, executor = ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7], ARGV[8]
if not loadPlan() then return { 'not_found' } end
local node = graphOf(id)
if not node then return { 'not_found' } end
local step = loadStep(id)
-- A pause lets what runs finish, also when another executor has to take it over.
if plan.status ~= 'executing' and not (plan.status == 'paused' and step[STATUS] == 'running') then return { 'plan_not_executing' } end
if not hasApproval() then return { 'not_approved' } end
if step[GENERATION] ~= generation or step[DELIVERY] ~= delivery then return { 'stale_delivery' } end
-- Somebody else has the job by now, or will be given it: two who claim with it would take the step from each other.
if KEYS[2] and redis.call('GET', KEYS[2]) ~= ARGV[10] then return { 'lock_lost' } end

local function claimed()
  return { 'claimed', plan.revision, step[ATTEMPT], plan.taskId }
end

local function start(data)
  step[STATUS] = 'running'
  step[TOKEN] = token
  emit('step.started', { step = id, attempt = step[ATTEMPT] }, data)
  if step[STARTED_AT] == '0' then step[STARTED_AT] = timeText() end
  saveStep(id, step)
end

local status = step[STATUS]
if status == 'running' then
  if step[TOKEN] == token then return claimed() end
  -- Its children run; the job that expanded it was delivered again.
  if step[TOKEN] == EXPANDED then return { 'not_queued' } end
  local crashes = tonumber(step[CRASHES]) + 1
  step[CRASHES] = string.format('%d', crashes)
  if plan.stopping ~= '' and not isCleanUp(id) then
    release(id, step)
    savePlan()
    return { 'plan_stopping' }
  end
  if crashes >= tonumber(ARGV[9]) then
    step[TOKEN] = ''
    failStepForGood(id, step, errorText('tool_error', 'gave up: ' .. step[CRASHES] .. ' executors went away while they ran this step'))
    savePlan()
    return { 'too_many_crashes' }
  end
  start('{"executor":' .. executor .. ',"takeover":' .. step[CRASHES] .. '}')
  savePlan()
  return claimed()
end

if status == 'retrying' then
  if tonumber(step[NOT_BEFORE]) > time() then return { 'not_due', step[NOT_BEFORE], string.format('%d', step[NOT_BEFORE] - time()) } end
  if redis.call('ZSCORE', readyKey, id) then return { 'parked' } end
  if plan.inflight >= plan.cap then
    joinReady(id)
    savePlan()
    return { 'parked' }
  end
  add('inflight', 1)
  emit('step.queued', { step = id }, '{"delivery":' .. step[DELIVERY] .. '}')
elseif status ~= 'queued' then
  return { 'not_queued' }
end
step[ATTEMPT] = step[ATTEMPT] + 1
step[NOT_BEFORE] = '0'
if not parentOf(id) then add('running', 1) end
start('{"executor":' .. executor .. '}')
savePlan()
return claimed()
