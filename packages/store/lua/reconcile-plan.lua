--[[
  Holds a plan that is at rest against BullMQ's jobs, and puts right what was lost: docs/engine.md, reconcile.

  The states that it may meet, of a plan:
    not executing         a person's turn, or ended: nothing can be lost
    executing, moving     not at rest: left alone
    executing, stopping   only running steps are left; with none it ends
    executing, all ended  it ends
    executing, room       steps that wait for the cap get the places that are free
  whatever it is, half a transition may have left counts that are not those of its steps: they are counted anew
  and of a step of an executing plan:
    pending               waits for steps before it: they decide about it when they end; where all have, it is decided
    awaiting_approval     stands among what waits for people, and for the clock where it has a deadline; else it is put there
    ready                 stands in the ready set; else it joins it
    queued                its job will be delivered; else it is delivered anew
    running, expanded     its children run: each is looked at like a step
    running               its job is in an executor's hands, or will be delivered again once that one's lease has run out;
                          else the executor went away with the job: as a takeover in claim, a crash too many fails the step
    retrying, not due     its delayed job is waited for, and what became of it is looked at when it is due
    retrying, due         its job will be delivered, or it stands in the ready set; else it joins it
    ended                 done
  All is read in the script that writes, so what moved on meanwhile is seen, and a second run finds nothing left to do.

  KEYS[1] the plan's hash
  ARGV    4 ms that the plan must have been at rest   5 crashes that are too many
  Replies ok steps {what why step}... | busy | not_found | wrong_state status
  Events  step.queued, step.retrying, step.cancelled, step.failed and what follows from them; plan.completed | partial | failed
]]
--- include context
--- include engine
--- include release
--- include lost
--- include recount

local restMs, crashLimit = tonumber(ARGV[4]), tonumber(ARGV[5])
local found, state = loadPlan('@')
if not found then return { 'not_found' } end
if plan.status ~= 'executing' then return { 'wrong_state', plan.status } end
if time() - string.match(state, '|(%d+)|[^|]*|[^|]*$') < restMs then return { 'busy' } end

local mended = { 'ok', plan.total }
local function report(what, why, id)
  mended[#mended + 1] = what
  mended[#mended + 1] = why
  mended[#mended + 1] = id or ''
end

local function lossOfStep(id, step)
  local jobId = planId .. '-' .. id .. '-' .. step[GENERATION]
  if step[DELIVERY] > 1 then jobId = jobId .. '.' .. step[DELIVERY] end
  return lossOf(routeOf(id).queue, jobId)
end

local function deliverAnew(id, step, why)
  step[DELIVERY] = step[DELIVERY] + 1
  saveStep(id, step)
  emit('step.queued', { step = id }, '{"delivery":' .. step[DELIVERY] .. '}')
  addStepJob(id, routeOf(id), deliveryOf(step), 0)
  report('step_queued', why, id)
end

local function countCrash(id, step, why)
  local crashes = tonumber(step[CRASHES]) + 1
  step[CRASHES] = string.format('%d', crashes)
  local goesOn = plan.stopping == '' or isCleanUp(id)
  if goesOn and crashes >= crashLimit then
    failStepForGood(id, step, errorText('tool_error', 'gave up: ' .. step[CRASHES] .. ' executors went away while they ran this step'))
    report('step_failed', why, id)
  else
    report(goesOn and 'step_handed_back' or 'step_cancelled', why, id)
    release(id, step)
  end
end

local waits = {}
for _, id in ipairs(redis.call('ZRANGE', readyKey, 0, -1)) do waits[id] = true end
local ids = allSteps()
if recountReady(waits) + recountPlan(ids) > 0 then report('plan_counted', 'counts_differ') end
local deadline = plan.stopping == '' and numberField('deadline') or 0
if deadline > 0 and not isDue('stop') then
  setDue('stop', deadline)
  report('deadline_set', 'not_in_index')
end

local joined = false
local function join(id, why)
  joinReady(id)
  joined = true
  report('step_readied', why, id)
end

local function look(id)
  -- As it is by now: a failure of this very run may have ended it.
  local step = loadStep(id)
  local status = step[STATUS]
  if step[TOKEN] == EXPANDED then
    return
  elseif status == 'ready' then
    if not waits[id] then join(id, 'not_in_ready_set') end
  elseif status == 'awaiting_approval' then
    if showGate(id) then report('gate_listed', 'not_in_index', id) end
  elseif status == 'queued' or status == 'running' or (status == 'retrying' and not waits[id] and tonumber(step[NOT_BEFORE]) <= time()) then
    local why = lossOfStep(id, step)
    if why and status == 'queued' then deliverAnew(id, step, why) end
    if why and status == 'running' then countCrash(id, step, why) end
    if why and status == 'retrying' then join(id, why) end
  end
end

local expanding = stepsIn('&')
for _, id in ipairs(ids) do
  look(id)
  if expanding[id] then
    for _, child in ipairs(childrenOf(id)) do look(child) end
    if haveChildrenEnded(id) then
      report('step_decided', 'children_ended', id)
      endParent(id)
    end
  end
end

if plan.status == 'executing' then
  local overdue, miscounted = recountWaits(ids)
  for _, id in ipairs(overdue) do report('step_decided', 'dependencies_ended', id) end
  if miscounted then report('waits_counted', 'counts_differ') end
  if miscounted or #overdue > 0 then reopen() end
end

if plan.status == 'executing' then
  local inflight = plan.inflight
  admit({})
  if not joined and plan.inflight > inflight then report('steps_admitted', 'room_under_cap') end
  finish()
end
if plan.status ~= 'executing' then report('plan_ended', plan.stopping ~= '' and 'nothing_running' or 'all_steps_ended') end
if #mended > 2 then savePlan() end
return mended
