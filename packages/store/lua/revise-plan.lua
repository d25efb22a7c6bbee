--[[
  draft, pending_approval, failed, partial -> pending_approval with a new revision, and on when policy asks nobody. Steps
  that are pinned stay completed; the votes are gone.
  KEYS[1] the plan's hash   KEYS[2] the idempotency record
  ARGV    4 fingerprint and sending   5 seconds the record lives   6 actor   7 the digest that it was made from   8 its own digest
          9 the plan's fields, JSON list of names and values   10 the revision's fields, likewise   11 the graph, likewise
          12 the ids of the pinned steps, JSON list   13 the decision of policy, JSON text   14 cap   15 steps
          16 weight   17 the request that it answers, its number, or ''   18 the planner's token
  A revision that people have yet to look at gets a job of the queue `reviews`.
  Replies ok | unchanged | repeat id | replay id answer | idempotency_conflict | not_found | wrong_state status | stale_digest current |
          stale_token | policy_denied | moved: a pinned step has not completed any more
  Events  plan.revised, plan.approved, plan.started, step.ready, step.queued, step.awaiting_approval, step.skipped
]]
--- include context
--- include idempotency
--- include engine
--- include submit
--- include decision
--- include review-job

local actor, basedOn, digest, number, token = ARGV[6], ARGV[7], ARGV[8], ARGV[17], ARGV[18]
local refusal = checkDecision(KEYS[2], ARGV[4], { draft = true, pending_approval = true, failed = true, partial = true })
if refusal then return refusal end
if plan.digest ~= basedOn then return { 'stale_digest', plan.digest } end
if number ~= '' then
  refusal = checkRequest(number, token)
  if refusal then return refusal end
end
if plan.digest == digest then
  rememberCall(KEYS[2], ARGV[4], planId, ARGV[5])
  return { 'unchanged' }
end
if isDenied(ARGV[13]) then return { 'policy_denied' } end
local pinned = {}
local pinnedIds = cjson.decode(ARGV[12])
for _, id in ipairs(pinnedIds) do
  if loadStep(id)[STATUS] ~= 'completed' then return { 'moved' } end
  pinned[id] = true
end
rememberCall(KEYS[2], ARGV[4], planId, ARGV[5])

local function setAll(key, flat)
  for from = 1, #flat, 1000 do
    redis.call('HSET', key, unpack(flat, from, math.min(from + 999, #flat)))
  end
end

-- What the pinned steps are and gave stays; a job's name must never come twice, so all others get a generation of their own.
local kept, gone, highest, ran = {}, {}, numberField('topGeneration'), false
local old = redis.call('HGETALL', stepsKey)
for i = 1, #old, 2 do
  local field, value = old[i], old[i + 1]
  local kind, id = string.match(field, '^(%l+):(.+)$')
  id = id or field
  if field ~= '@' and field ~= '=' and not kind then
    local step = parseStep(value)
    highest = math.max(highest, tonumber(step[GENERATION]))
    ran = ran or step[DELIVERY] > 0 or tonumber(step[GENERATION]) > 1
    if pinned[id] and step[REASON] ~= 'pinned' then
      step[REASON], step[CAUSE] = 'pinned', plan.revision
      value = stepText(step)
    end
  end
  if pinned[parentOf(id) or id] and kind ~= 'progress' and kind ~= 'error' then
    kept[#kept + 1] = field
    kept[#kept + 1] = value
  elseif field ~= '@' and field ~= '=' then
    gone[#gone + 1] = field
  end
end

local from = plan.revision
local generation = ran and highest + 1 or 1
local content = cjson.decode(ARGV[11])
-- The plan's state stays until the new one is written over it, and so does the graph that it needs: half of this leaves a plan.
for at = 1, #gone, 1000 do redis.call('HDEL', stepsKey, unpack(gone, at, math.min(at + 999, #gone))) end
redis.call('DEL', waitsKey, readyKey, planKey .. ':votes', planKey .. ':review')
redis.call('HDEL', planKey, 'finishedAt', 'response', 'deadline', 'remaining', 'expiresAt', 'autoReason', 'startAt', 'planTimeoutMs', 'approvalTimeoutMs', 'maxReplans', 'summarize')
plan.revision = string.format('%d', from + 1)
eventRevision = plan.revision
setAll(planKey, cjson.decode(ARGV[9]))
if ran then setField('topGeneration', #pinnedIds < tonumber(ARGV[15]) and generation or highest) end
setAll(planKey .. ':rev:' .. plan.revision, cjson.decode(ARGV[10]))
redis.call('HSET', planKey .. ':rev:' .. plan.revision, 'revision', plan.revision, 'createdAt', timeText())
setAll(planKey .. ':graph:' .. plan.revision, content)
setAll(stepsKey, kept)
stepCache, graphCache, routeCache, stepWrites = {}, {}, {}, {}
plan.stopping, plan.cap, plan.total, plan.weight = '', tonumber(ARGV[14]), tonumber(ARGV[15]), tonumber(ARGV[16])
plan.inflight, plan.ready, plan.running, plan.completed, plan.failed, plan.skipped, plan.cancelled = 0, 0, 0, #pinnedIds, 0, 0, 0
if generation > 1 then
  for _, id in ipairs(allSteps()) do
    if not pinned[id] then
      local step = loadStep(id)
      step[GENERATION] = string.format('%d', generation)
      saveStep(id, step)
    end
  end
end
local creator, submitter = unpack(redis.call('HMGET', planKey, 'createdBy', 'submitter'))
submitter = cjson.decode(submitter).actor
setSubmitters(creator == submitter and { creator } or { creator, submitter })
loadTerms()

if number ~= '' then closeRequest('done') else dropRequest() end
movePlan('pending_approval')
local names = #pinnedIds == 0 and '[]' or cjson.encode(pinnedIds)
local origin = redis.call('HGET', planKey .. ':rev:' .. plan.revision, 'origin')
emit('plan.revised', { actor = actor }, '{"digest":"' .. digest .. '","origin":"' .. origin .. '","quorum":' .. plan.quorum .. ',"policy":' .. plan.policyText .. ',"pinned":' .. names .. '}')
approveByPolicy()
if plan.status == 'pending_approval' then addReviewJob(plan.revision) end
savePlan()
redis.call('DEL', planKey .. ':graph:' .. from)
return { 'ok' }
