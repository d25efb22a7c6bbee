--[[
  The plan in hand: loaded once, changed in the table, written back once.
  What changes with every step is one field, '@' of `<plan>:steps`, so that it is read and written along with the steps.
  Its parts are joined by '|':
    status | stopping | revision | cap | total | inflight | ready | running | completed | failed | skipped | cancelled |
    updatedAt | taskId
  `stopping` is the step whose failure stops the plan; `ready` counts the members of the ready set, so that an empty one
  costs no look. No status, id or number of ours has a '|'.
]]
local stepsKey = planKey .. ':steps'
local plan, planFields, stepFields = nil, {}, {}
-- Set where steps are at hand: adds the changed ones to stepFields.
local collectSteps = function() end

-- Returns the text of a step's state along with it, when one is named.
local function loadPlan(id)
  local values = redis.call('HMGET', stepsKey, '@', id or '@')
  local state = values[1]
  if not state then return false end
  local status, stopping, revision, cap, total, inflight, ready, running, completed, failed, skipped, cancelled, taskId =
    string.match(state, '^([^|]*)|([^|]*)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|%d+|(.*)$')
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
    taskId = taskId,
  }
  eventRevision = revision
  return true, values[2]
end

-- What an approval is about: only decisions need it.
local function loadTerms()
  local terms = redis.call('HMGET', planKey, 'digest', 'quorum')
  plan.digest, plan.quorum = terms[1], tonumber(terms[2])
end

local function add(counter, by)
  plan[counter] = plan[counter] + by
end

-- Sets a field of the plan's hash, which has what seldom changes.
local function setField(name, value)
  planFields[#planFields + 1] = name
  planFields[#planFields + 1] = value
end

-- The indexes by status hold ids with score 0: ids sort by age, so paging goes by id.
local function movePlan(status)
  redis.call('ZREM', prefix .. ':plans:' .. plan.status, planId)
  redis.call('ZADD', prefix .. ':plans:' .. status, 0, planId)
  if plan.status == 'pending_approval' then redis.call('ZREM', prefix .. ':approvals', planId) end
  if status == 'pending_approval' then redis.call('ZADD', prefix .. ':approvals', time(), planId) end
  plan.status = status
end

-- Writes back what was changed in hand: the plan's state, the steps and what they gave in one call.
local function savePlan()
  collectSteps()
  stepFields[#stepFields + 1] = '@'
  stepFields[#stepFields + 1] = string.format('%s|%s|%s|%d|%d|%d|%d|%d|%d|%d|%d|%d|%d|%s',
    plan.status, plan.stopping, plan.revision, plan.cap, plan.total, plan.inflight, plan.ready, plan.running,
    plan.completed, plan.failed, plan.skipped, plan.cancelled, time(), plan.taskId)
  for from = 1, #stepFields, 1000 do
    redis.call('HSET', stepsKey, unpack(stepFields, from, math.min(from + 999, #stepFields)))
  end
  if #planFields > 0 then redis.call('HSET', planKey, unpack(planFields)) end
end
