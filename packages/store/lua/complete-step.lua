--[[
  running -> completed; its successors are queued, in the same step: the usual case, and quick. Left to
  complete-step-anyhow, before anything is written: a plan that has failures, is stopping, has steps waiting for a place or
  would have now, or ends with this step; a step that was tried before, or is a forEach step's child; successors that were
  tried, are gates, or hang on a branch.
  KEYS[1] the plan's hash
  ARGV    1 prefix   2 now   3 the plan's id   4 step   5 token   6 output, JSON text
  Replies ok | unusual
  Events  step.completed, step.ready, step.queued
]]
local planKey, prefix, planId, id = KEYS[1], ARGV[1], ARGV[3], ARGV[4]
--- include hooks
--- include jobs

local stepsKey, waitsKey, eventsKey = planKey .. ':steps', planKey .. ':waits', planKey .. ':events'
local states = redis.call('HMGET', stepsKey, '@', id)
local revision, cap, total, inflight, running, completed, weight, taskId =
  string.match(states[1] or '', '^executing||(%d+)|(%d+)|(%d+)|(%d+)|0|(%d+)|(%d+)|0|0|0|%d+|(%d+)|(.*)$')
local delivered, token, crashes, startedAt = string.match(states[2] or '', '^running|1|(%d+|%d+)|([^|]*)|(%d+)|%d+|(%d+)|')
if not revision or token ~= ARGV[5] or completed + 1 == tonumber(total) then return { 'unusual' } end

local graphKey = planKey .. ':graph:' .. revision
local counted, fresh, routes = {}, {}, {}
local groups = string.match(redis.call('HGET', graphKey, id) or '!', '[^|]*$')
if string.find(groups, '!', 1, true) then return { 'unusual' } end
for group, alone in string.gmatch(groups, '(%d+)(=?)') do
  local left = 1
  if alone == '' then
    left = tonumber(redis.call('HGET', waitsKey, group) or '')
    if not left then return { 'unusual' } end
    counted[#counted + 1] = group
    counted[#counted + 1] = left - 1
  end
  if left == 1 then
    for member, place, tool, queue in string.gmatch(redis.call('HGET', graphKey, '#' .. group), '([^,:]+):([^,:]+):([^,:]+):([^,:]+)') do
      fresh[#fresh + 1] = member
      routes[member] = { place = tonumber(place), tool = tool, queue = queue }
    end
  end
end
inflight = inflight - 1 + #fresh
if inflight > tonumber(cap) or #fresh > 1000 or #counted > 1000 then return { 'unusual' } end
if #fresh > 0 then
  for _, state in ipairs(redis.call('HMGET', stepsKey, unpack(fresh))) do
    if state then return { 'unusual' } end
  end
  if #fresh > 1 then table.sort(fresh, function(a, b) return routes[a].place < routes[b].place end) end
end

local function emit(type, step, attempt, data)
  return redis.call('XADD', eventsKey, '*', 'e', type .. '|' .. step .. '|' .. attempt .. '|' .. revision .. '|', 'd', data)
end

local eventId = emit('step.completed', id, '1', '')
offerHook('p', planId, eventId, 'step.completed|' .. id .. '|1|' .. revision .. '|')
local now = ARGV[2] ~= '' and ARGV[2] or string.match(eventId, '^%d+')
for _, member in ipairs(fresh) do emit('step.ready', member, '', '') end
for _, member in ipairs(fresh) do emit('step.queued', member, '', '{"delivery":1}') end
local changes = {
  '@', 'executing||' .. revision .. '|' .. cap .. '|' .. total .. '|' .. inflight .. '|0|' .. (running - 1) .. '|' .. (completed + 1) .. '|0|0|0|' .. now .. '|' .. weight .. '|' .. taskId,
  id, 'completed|1|' .. delivered .. '|' .. token .. '|' .. crashes .. '|0|' .. startedAt .. '|' .. now .. '||',
  'output:' .. id, ARGV[6],
}
for _, member in ipairs(fresh) do
  changes[#changes + 1] = member
  changes[#changes + 1] = 'queued|0|1|1||0|0|0|0||'
end
redis.call('HSET', stepsKey, unpack(changes))
-- Behind the states: docs/engine.md, half a transition.
if #counted > 0 then redis.call('HSET', waitsKey, unpack(counted)) end
for _, member in ipairs(fresh) do
  addStepJob(member, routes[member], { revision = revision, generation = '1', number = 1, at = now, weight = weight }, 0)
end
return { 'ok' }
