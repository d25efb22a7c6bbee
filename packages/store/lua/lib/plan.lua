--[[
  The plan in hand: loaded once, changed in the table, written back once.
  `ready` counts the members of the ready set, so that an empty one costs no look.
]]
local plan, planChanges = nil, {}
local flushSteps = function() end

local function loadPlan()
  local values = redis.call('HMGET', planKey, 'status', 'revision', 'digest', 'quorum', 'stopping', 'cap', 'inflight', 'ready', 'running', 'total', 'completed', 'failed', 'skipped', 'cancelled')
  if not values[1] then return false end
  plan = {
    status = values[1],
    revision = values[2],
    digest = values[3],
    quorum = tonumber(values[4]),
    stopping = values[5] or '',
    cap = tonumber(values[6]),
    inflight = tonumber(values[7] or 0),
    ready = tonumber(values[8] or 0),
    running = tonumber(values[9] or 0),
    total = tonumber(values[10]),
    completed = tonumber(values[11] or 0),
    failed = tonumber(values[12] or 0),
    skipped = tonumber(values[13] or 0),
    cancelled = tonumber(values[14] or 0),
  }
  eventRevision = plan.revision
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
  if status == 'pending_approval' then redis.call('ZADD', prefix .. ':approvals', time(), planId) end
  change('status', status)
end

-- Writes back what was changed in hand: the steps, then the plan.
local function savePlan()
  flushSteps()
  local flat = { 'updatedAt', time() }
  for field, value in pairs(planChanges) do
    flat[#flat + 1] = field
    flat[#flat + 1] = value
  end
  redis.call('HSET', planKey, unpack(flat))
  announce()
end
