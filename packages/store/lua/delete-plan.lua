--[[
  Removes an ended plan with all that belongs to it. Redis frees what is large in the background (UNLINK). What the stream of
  all plans and the outbox of webhooks have of it goes with their own bounds.
  By hand its task stays, says so, and has what models took for both. For its age or number a plan takes its task along; it
  then stays where it has moved on since it was chosen or recorded, and while it asks something of the planner.
  KEYS[1] the plan's hash
  ARGV    4 '' by hand; else when it ended, in ms, as the index had it   5 the id of the last event in the record that was
          written of it, '' where none was
  Replies ok | not_found | wrong_state status | moved | asking
]]
--- include context
--- include events
--- include plan
--- include usage
--- include task-removal

local endedAt, recordedTo = ARGV[4], ARGV[5]
local endedIndex = prefix .. ':plans:ended'
if not loadPlan() then
  redis.call('ZREM', endedIndex, planId)
  return { 'not_found' }
end
if not ENDED[plan.status] then return { 'wrong_state', plan.status } end
local byHand = endedAt == ''
if not byHand then
  if redis.call('ZSCORE', prefix .. ':plans:asking', planId) then return { 'asking' } end
  if tonumber(redis.call('ZSCORE', endedIndex, planId) or '') ~= tonumber(endedAt) then return { 'moved' } end
  local last = redis.call('XREVRANGE', eventsKey, '+', '-', 'COUNT', 1)[1]
  if recordedTo ~= '' and recordedTo ~= (last and last[1] or '0') then return { 'moved' } end
end

if plan.taskId ~= '' then
  local taskKey = prefix .. ':task:' .. plan.taskId
  if not byHand then
    removeTask(plan.taskId)
  elseif redis.call('EXISTS', taskKey) == 1 then
    copyUsage(planKey, taskKey)
    redis.call('HSET', taskKey, 'planDeletedAt', timeText())
    redis.call('ZADD', prefix .. ':tasks:ended', time(), plan.taskId)
  end
end
for revision = 1, tonumber(plan.revision) do
  redis.call('UNLINK', planKey .. ':rev:' .. revision, planKey .. ':graph:' .. revision)
end
redis.call('UNLINK', planKey, eventsKey, planKey .. ':steps', planKey .. ':waits', planKey .. ':ready', planKey .. ':votes', planKey .. ':rounds', planKey .. ':review')
redis.call('ZREM', prefix .. ':plans', planId)
redis.call('ZREM', prefix .. ':plans:asking', planId)
redis.call('ZREM', prefix .. ':plans:' .. plan.status, planId)
redis.call('ZREM', endedIndex, planId)
return { 'ok' }
