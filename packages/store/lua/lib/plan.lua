--[[
  The plan in hand: loaded once, changed in the table, written back once.
  What changes with every step is one field of the plan's hash, `state`, its parts joined by '|':
    status | stopping | revision | cap | total | inflight | ready | running | completed | failed | skipped | cancelled |
    updatedAt | taskId
  `stopping` is the step whose failure stops the plan; `ready` counts the members of the ready set, so that an empty one
  costs no look. No status, id or number of ours has a '|'.
]]
local plan, otherFields = nil, {}
local flushSteps = function() end

local function loadPlan()
  local state = redis.call('HGET', planKey, 'state')
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
  return true
end

-- What an approval is about: only decisions need it.
local function loadTerms()
  local terms = redis.call('HMGET', planKey, 'digest', 'quorum')
  plan.digest, plan.quorum = terms[1], tonumber(terms[2])
end

local function add(counter, by)
  plan[counter] = plan[counter] + by
end

-- Sets a field of the plan's hash beside its state.
local function setField(name, value)
  otherFields[#otherFields + 1] = name
  otherFields[#otherFields + 1] = value
end

-- The indexes by status hold ids with score 0: ids sort by age, so paging goes by id.
local function movePlan(status)
  redis.call('ZREM', prefix .. ':plans:' .. plan.status, planId)
  redis.call('ZADD', prefix .. ':plans:' .. status, 0, planId)
  if plan.status == 'pending_approval' then redis.call('ZREM', prefix .. ':approvals', planId) end
  if status == 'pending_approval' then redis.call('ZADD', prefix .. ':approvals', time(), planId) end
  plan.status = status
end

-- Writes back what was changed in hand: the steps, then the plan.
local function savePlan()
  flushSteps()
  setField('state', string.format('%s|%s|%s|%d|%d|%d|%d|%d|%d|%d|%d|%d|%d|%s',
    plan.status, plan.stopping, plan.revision, plan.cap, plan.total, plan.inflight, plan.ready, plan.running,
    plan.completed, plan.failed, plan.skipped, plan.cancelled, time(), plan.taskId))
  redis.call('HSET', planKey, unpack(otherFields))
  announce()
end
