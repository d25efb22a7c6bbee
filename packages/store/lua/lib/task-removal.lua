-- Removes a task with all that belongs to it.
local function removeTask(taskId)
  local taskKey = prefix .. ':task:' .. taskId
  local status = redis.call('HGET', taskKey, 'status')
  redis.call('UNLINK', taskKey, taskKey .. ':rounds', taskKey .. ':events')
  redis.call('ZREM', prefix .. ':tasks', taskId)
  redis.call('ZREM', prefix .. ':tasks:ended', taskId)
  if status then redis.call('ZREM', prefix .. ':tasks:' .. status, taskId) end
end
