--[[
  What a plan asks of the planner: one request at a time, in fields of the plan's hash. docs/engine.md, the planner's part.
    requestNumber | requestKind | requestStatus | requestBy | requestAt | requestRoles | requestFeedback | requestToken | requestTakeovers |
    requestJobs | requestError
  The index `plans:asking` has the plans whose request is open.
]]
--- include planning-job

local function requestJobId(number, jobs)
  return planningJobId(planId .. '-r' .. number, jobs)
end

local function addRequestJob(number, jobs)
  addPlanningJob(requestJobId(number, jobs), 'answer', '{"planId":"' .. planId .. '","request":' .. number .. '}')
end

-- `feedback` and `roles` are JSON texts; `actor` is '' where the engine asks.
local function openRequest(kind, actor, feedback, roles)
  local number = redis.call('HINCRBY', planKey, 'requestNumber', 1)
  redis.call('HDEL', planKey, 'requestToken', 'requestTakeovers', 'requestError')
  redis.call('HSET', planKey, 'requestKind', kind, 'requestStatus', 'queued', 'requestBy', actor, 'requestRoles', roles or '[]', 'requestAt', timeText(), 'requestFeedback', feedback, 'requestJobs', 1)
  redis.call('DEL', planKey .. ':rounds')
  redis.call('ZADD', prefix .. ':plans:asking', 0, planId)
  addRequestJob(number, 1)
end

local function openRequestKind()
  local found = redis.call('HMGET', planKey, 'requestStatus', 'requestKind')
  return (found[1] == 'queued' or found[1] == 'planning') and found[2] or nil
end

local function closeRequest(status)
  redis.call('HSET', planKey, 'requestStatus', status)
  redis.call('ZREM', prefix .. ':plans:asking', planId)
end

local function dropRequest()
  if openRequestKind() then closeRequest('dropped') end
end

-- Why a planner's hold on a request is not valid; nil where it is.
local function checkRequest(number, token)
  local found = redis.call('HMGET', planKey, 'requestNumber', 'requestStatus', 'requestToken')
  if found[1] ~= number then return { 'wrong_state', 'dropped' } end
  if found[2] ~= 'planning' then return { 'wrong_state', found[2] } end
  if found[3] ~= token then return { 'stale_token' } end
  return nil
end
