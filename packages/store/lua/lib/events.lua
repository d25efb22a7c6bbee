--[[
  The event log. `emit` appends to the plan's stream, and for what people or other systems wait for also a reference to
  the capped stream of all plans; `announce` wakes whoever follows the plan. Every entry has the same fields in the same
  order, which Redis stores only once per node.
]]
-- The routine of steps, four entries for each of them, is left to the plan's own stream.
local ROUTINE = { ['step.ready'] = true, ['step.queued'] = true, ['step.started'] = true, ['step.completed'] = true, ['step.progress'] = true }
local eventsKey, allEventsKey = planKey .. ':events', prefix .. ':events'
local eventRevision = '0'
local eventTask = ''

local function emit(type, event, data)
  local step, attempt, actor = event.step or '', event.attempt or '', event.actor or ''
  local id = redis.call('XADD', eventsKey, '*', 't', type, 's', step, 'n', attempt, 'a', actor, 'r', eventRevision, 'k', eventTask, 'at', now, 'd', data or '{}')
  if ROUTINE[type] then return end
  redis.call('XADD', allEventsKey, 'MAXLEN', '~', 10000, '*', 'p', planId, 'e', id, 't', type, 's', step)
end

local function announce()
  redis.call('PUBLISH', prefix .. ':wake:' .. planId, now)
end
