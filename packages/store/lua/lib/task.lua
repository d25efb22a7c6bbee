--[[
  Tasks. A task's hash is `<prefix>:task:<id>`; its events are in `<task>:events` and, by reference, in the stream of all.
  A planner holds a task by its token: what an older token records is refused.
]]
local function emitForTask(taskKey, type, event, data)
  local taskId = event.task
  local head = type .. '|||0|' .. (event.actor or '')
  local id = redis.call('XADD', taskKey .. ':events', '*', 'e', head, 'd', data or '')
  redis.call('HINCRBY', prefix .. ':totals', type, 1)
  redis.call('XADD', prefix .. ':events', 'MAXLEN', '~', 10000, '*', 'k', taskId, 'i', id, 'e', head)
  offerHook('k', taskId, id, head)
end

local function moveTask(taskKey, taskId, from, to)
  redis.call('ZREM', prefix .. ':tasks:' .. from, taskId)
  redis.call('ZADD', prefix .. ':tasks:' .. to, 0, taskId)
  redis.call('HSET', taskKey, 'status', to, 'updatedAt', time())
  if to == 'planned' or to == 'failed' or to == 'cancelled' then redis.call('HSET', taskKey, 'finishedAt', time()) end
  -- One that has a plan goes with it.
  if to == 'failed' or to == 'cancelled' then redis.call('ZADD', prefix .. ':tasks:ended', time(), taskId) end
end

local function checkPlanner(taskKey, token)
  local found = redis.call('HMGET', taskKey, 'status', 'token')
  if not found[1] then return 'not_found' end
  if found[1] ~= 'planning' then return 'wrong_state:' .. found[1] end
  if found[2] ~= token then return 'stale_token' end
  return nil
end

local function recordTaskPlanned(taskKey)
  local taskId = redis.call('HGET', taskKey, 'id')
  moveTask(taskKey, taskId, 'planning', 'planned')
  redis.call('HSET', taskKey, 'planId', planId)
  emitForTask(taskKey, 'task.planned', { task = taskId }, '{"planId":"' .. planId .. '"}')
end
