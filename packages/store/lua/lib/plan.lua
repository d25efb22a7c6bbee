--[[
  The plan in hand: loaded once, changed in the table, written back once.
  `ready` counts the members of the ready set, so that an empty one costs no look.
]]
local PLAN_FIELDS = { 'status', 'revision', 'cap', 'inflight', 'ready', 'stopping', 'total', 'running', 'completed', 'failed', 'skipped', 'cancelled', 'taskId', 'digest', 'quorum' }
local PLAN_NUMBERS = { cap = true, inflight = true, ready = true, total = true, running = true, completed = true, failed = true, skipped = true, cancelled = true, quorum = true }
local plan, planChanges = nil, {}

local function loadPlan()
  local values = redis.call('HMGET', planKey, unpack(PLAN_FIELDS))
  if not values[1] then return false end
  plan = {}
  for i, field in ipairs(PLAN_FIELDS) do
    plan[field] = PLAN_NUMBERS[field] and tonumber(values[i] or 0) or values[i] or ''
  end
  eventRevision, eventTask = plan.revision, plan.taskId
  return true
end

local function change(field, value)
  plan[field] = value
  planChanges[field] = value
end

local function add(field, by)
  change(field, plan[field] + by)
end

-- The indexes by status hold ids with score 0: ids sort by age, so paging goes by id.
local function movePlan(status)
  redis.call('ZREM', prefix .. ':plans:' .. plan.status, planId)
  redis.call('ZADD', prefix .. ':plans:' .. status, 0, planId)
  if plan.status == 'pending_approval' then redis.call('ZREM', prefix .. ':approvals', planId) end
  if status == 'pending_approval' then redis.call('ZADD', prefix .. ':approvals', now, planId) end
  change('status', status)
end

local function savePlan()
  local flat = { 'updatedAt', now }
  for field, value in pairs(planChanges) do
    flat[#flat + 1] = field
    flat[#flat + 1] = value
  end
  redis.call('HSET', planKey, unpack(flat))
  announce()
end
