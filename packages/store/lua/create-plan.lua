--[[
  Stores a plan with its first revision; submits it unless it is a draft; starts it when policy asks nobody. What policy
  denies can be a draft.
  With a task, that task becomes planned in the same step.
  KEYS[1] the plan's hash   KEYS[2] the task's hash (any key of the slot without a task)   KEYS[3] the idempotency record
  ARGV    4 fingerprint and sending   5 seconds the idempotency record lives   6 the planner's token on the task, '' without a task
          7 the plan's fields, JSON list of names and values   8 the revision's fields, likewise
          9 the graph, likewise   10 how many dependencies each step waits for, likewise
          11 '1' for a draft   12 the decision of policy, JSON text   13 the plan's state
  Replies ok | repeat id | replay id answer | elsewhere shard | idempotency_conflict | task_not_found | task_<status> | stale_token |
          policy_denied
  A plan that people have yet to look at gets a job of the queue `reviews`.
  Events  plan.created, plan.submitted, plan.approved, plan.started, step.ready, step.queued; task.planned
]]
--- include context
--- include idempotency
--- include engine
--- include task
--- include submit
--- include review-job
--- include usage

local taskKey, recordKey = KEYS[2], KEYS[3]
local replay = findReplay(recordKey, ARGV[4])
if replay then return replay end
if redis.call('EXISTS', planKey) == 1 then return { 'ok' } end
if ARGV[6] ~= '' then
  local refusal = checkPlanner(taskKey, ARGV[6])
  if refusal then return { refusal } end
end

if ARGV[11] ~= '1' and isDenied(ARGV[12]) then return { 'policy_denied' } end

local function setAll(key, text)
  local flat = cjson.decode(text)
  for from = 1, #flat, 1000 do
    redis.call('HSET', key, unpack(flat, from, math.min(from + 999, #flat)))
  end
end

setAll(planKey, ARGV[7])
redis.call('HSET', planKey, 'createdAt', timeText())
redis.call('HSET', stepsKey, '@', ARGV[13])
loadPlan()
setAll(planKey .. ':rev:' .. plan.revision, ARGV[8])
redis.call('HSET', planKey .. ':rev:' .. plan.revision, 'createdAt', timeText())
setAll(planKey .. ':graph:' .. plan.revision, ARGV[9])
if ARGV[10] ~= '[]' then setAll(waitsKey, ARGV[10]) end
redis.call('ZADD', prefix .. ':plans', 0, planId)
redis.call('ZADD', prefix .. ':plans:draft', 0, planId)
rememberCall(recordKey, ARGV[4], planId, ARGV[5])

local creator = redis.call('HGET', planKey, 'createdBy')
setSubmitters({ creator })
loadTerms()
local origin = redis.call('HGET', planKey .. ':rev:' .. plan.revision, 'origin')
emit('plan.created', { actor = creator }, cjson.encode({ digest = plan.digest, origin = origin, steps = plan.total }))
if ARGV[11] ~= '1' then submitPlan(creator) end
savePlan()
if plan.status == 'draft' or plan.status == 'pending_approval' then addReviewJob(plan.revision) end
if ARGV[6] ~= '' then
  copyUsage(taskKey, planKey)
  recordTaskPlanned(taskKey)
end
return { 'ok' }
