--[[
  The plan in hand: loaded once, changed in the table, written back once.
  What changes with every step is one field, '@' of `<plan>:steps`, so that it is read and written along with the steps.
  Its parts are joined by '|':
    status | stopping | revision | cap | total | inflight | ready | running | completed | failed | skipped | cancelled |
    updatedAt | weight | taskId
  `stopping` is the step whose failure stops the plan, or @timeout; `ready` counts the members of the ready set, so that
  an empty one costs no look; `weight` is the priority of its jobs, as BullMQ counts it: lower goes first. No status, id
  or number of ours has a '|'.
]]
local stepsKey = planKey .. ':steps'
local plan, planFields, stepFields, keptResults = nil, {}, {}, {}
-- Set where steps are at hand: adds the changed ones to stepFields; writes what was counted of them.
local collectSteps, collectGroups = function() end, function() end

-- Returns the text of a step's state along with it, when one is named.
local function loadPlan(id)
  local values = redis.call('HMGET', stepsKey, '@', id or '@')
  local state = values[1]
  if not state then return false end
  local status, stopping, revision, cap, total, inflight, ready, running, completed, failed, skipped, cancelled, weight, taskId =
    string.match(state, '^([^|]*)|([^|]*)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|%d+|(%d+)|(.*)$')
  plan = {
    status = status,
    stopping = stopping,
    revision = revision,
    cap = tonumber(cap),
    total = tonumber(total),
    inflight = tonumber(inflight),
    ready = tonumber(ready),
    running = tonumber(running),
    completed = tonumber(completed),
    failed = tonumber(failed),
    skipped = tonumber(skipped),
    cancelled = tonumber(cancelled),
    weight = tonumber(weight),
    taskId = taskId,
  }
  eventRevision = revision
  return true, values[2]
end

-- What an approval is about: only decisions need it. The digest is that of the revision itself. Where the plan's hash has another
-- one, half a revision has left it there along with its decision, which counts for nothing: whoever votes has the plan
-- decided anew first.
local function loadTerms()
  local terms = redis.call('HMGET', planKey, 'digest', 'quorum', 'policy', 'submitters')
  plan.digest, plan.quorum, plan.policyText = redis.call('HGET', planKey .. ':rev:' .. plan.revision, 'digest'), tonumber(terms[2]), terms[3]
  plan.policy, plan.submitters = cjson.decode(terms[3]), cjson.decode(terms[4])
  if terms[1] == plan.digest then return true end
  plan.policyText = string.gsub(terms[3], '"version":"[^"]*"', '"version":""', 1)
  plan.policy.version, plan.policy.outcome, plan.policy.demands = '', 'approve', {}
  return false
end

local function add(counter, by)
  plan[counter] = plan[counter] + by
end

-- Sets a field of the plan's hash, which has what seldom changes.
local function setField(name, value)
  planFields[#planFields + 1] = name
  planFields[#planFields + 1] = value
end

-- A number of the plan's hash that may be absent.
local function numberField(name)
  return tonumber(redis.call('HGET', planKey, name) or '') or 0
end

--[[
  What a clock will do, by the time at which it is due: `<kind>:<plan>` or `<kind>:<plan>:<step>`.
  start: it starts. expire: its approval runs out. stop: its time is up. gate: a step's approval runs out.
]]
local function dueMember(kind, id)
  return kind .. ':' .. planId .. (id and ':' .. id or '')
end

local function setDue(kind, at, id)
  redis.call('ZADD', prefix .. ':due', string.format('%d', at), dueMember(kind, id))
end

local function clearDue(kind, id)
  redis.call('ZREM', prefix .. ':due', dueMember(kind, id))
end

-- What stands in an index or waits for a clock while the plan has a status, goes when it leaves it.
local LEAVING = {
  pending_approval = function()
    redis.call('ZREM', prefix .. ':approvals', planId)
    clearDue('expire')
  end,
  approved = function() clearDue('start') end,
  executing = function() clearDue('stop') end,
}

local ENDED = { completed = true, partial = true, failed = true, rejected = true, expired = true, cancelled = true }

-- The indexes by status hold ids with score 0: ids sort by age, so paging goes by id. What has ended stands, by when, in
-- an index of its own.
local function movePlan(status)
  if ENDED[status] then
    redis.call('ZADD', prefix .. ':plans:ended', time(), planId)
  elseif ENDED[plan.status] then
    redis.call('ZREM', prefix .. ':plans:ended', planId)
  end
  redis.call('ZREM', prefix .. ':plans:' .. plan.status, planId)
  redis.call('ZADD', prefix .. ':plans:' .. status, 0, planId)
  if LEAVING[plan.status] then LEAVING[plan.status]() end
  plan.status = status
  if status ~= 'pending_approval' then return end
  redis.call('ZADD', prefix .. ':approvals', time(), planId)
  local within = numberField('approvalTimeoutMs')
  if within > 0 then
    setField('expiresAt', string.format('%d', time() + within))
    setDue('expire', time() + within)
  end
end

-- Keeps what a step gave, to be written along with the changed steps.
local function keepResult(field, text)
  stepFields[#stepFields + 1] = field
  stepFields[#stepFields + 1] = text
  keptResults[field] = text
end

local function resultOf(field)
  return keptResults[field] or redis.call('HGET', stepsKey, field)
end

-- Writes back what was changed in hand: the plan's state, the steps and what they gave in one call.
local function savePlan()
  collectSteps()
  stepFields[#stepFields + 1] = '@'
  stepFields[#stepFields + 1] = string.format('%s|%s|%s|%d|%d|%d|%d|%d|%d|%d|%d|%d|%d|%d|%s',
    plan.status, plan.stopping, plan.revision, plan.cap, plan.total, plan.inflight, plan.ready, plan.running,
    plan.completed, plan.failed, plan.skipped, plan.cancelled, time(), plan.weight, plan.taskId)
  for from = 1, #stepFields, 1000 do
    redis.call('HSET', stepsKey, unpack(stepFields, from, math.min(from + 999, #stepFields)))
  end
  collectGroups()
  if #planFields > 0 then redis.call('HSET', planKey, unpack(planFields)) end
end
