--[[
  The event log. `emit` appends to the plan's stream, for what people or other systems wait for also counts and appends a
  reference to the capped stream of all plans, and for what a webhook wants another one to the outbox of webhooks. Every entry has the same two fields, which
  Redis stores only once per node.
]]
-- The routine of steps, four entries for each of them, is left to the plan's own stream.
local ROUTINE = { ['step.ready'] = true, ['step.queued'] = true, ['step.started'] = true, ['step.completed'] = true, ['step.progress'] = true }
local eventsKey, allEventsKey = planKey .. ':events', prefix .. ':events'
local eventRevision = '0'

-- e: type | step | attempt | revision | actor, d: data. When it happened is in the entry's id; the task is the plan's.
local function emit(type, event, data)
  local head = type .. '|' .. (event.step or '') .. '|' .. (event.attempt or '') .. '|' .. eventRevision .. '|' .. (event.actor or '')
  local id = redis.call('XADD', eventsKey, '*', 'e', head, 'd', data or '')
  now = now or tonumber(string.match(id, '^%d+'))
  offerHook('p', planId, id, head)
  if ROUTINE[type] then return end
  redis.call('HINCRBY', prefix .. ':totals', type, 1)
  redis.call('XADD', allEventsKey, 'MAXLEN', '~', 10000, '*', 'p', planId, 'i', id, 'e', head)
end
