--[[
  Removes a task that has ended without a plan, or whose plan was deleted by hand. One that has its plan goes with it, and
  leaves the index: releases that kept such tasks there left them in it.
  KEYS[1] the task's hash
  ARGV    1 prefix   2 now   3 the task's id   4 when it ended, in ms, as the index had it
  Replies ok | not_found | has_plan | moved
]]
--- include context
--- include task-removal

local taskKey, taskId, endedAt = KEYS[1], ARGV[3], ARGV[4]
local endedIndex = prefix .. ':tasks:ended'
if redis.call('EXISTS', taskKey) == 0 then
  redis.call('ZREM', endedIndex, taskId)
  return { 'not_found' }
end
local planOf = redis.call('HGET', taskKey, 'planId')
if planOf and redis.call('EXISTS', prefix .. ':plan:' .. planOf) == 1 then
  redis.call('ZREM', endedIndex, taskId)
  return { 'has_plan' }
end
if tonumber(redis.call('ZSCORE', endedIndex, taskId) or '') ~= tonumber(endedAt) then return { 'moved' } end
removeTask(taskId)
return { 'ok' }
