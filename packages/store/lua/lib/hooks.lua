--[[
  The outbox of webhooks: events that an endpoint wants, by reference, in the order in which they happened. A duty makes
  deliveries of them. `hooks:wanted` has the types, each between bars; while no endpoint wants anything it is not there,
  and a command looks for it once.
]]
-- More than these wait only where no executor is up for long: what comes then is counted and not told.
local HOOKS_KEPT = 100000
local wantedHooks

-- `owner` is p for a plan's event and k for a task's; `id` is its entry in the owner's stream, `head` that entry's `e`.
local function offerHook(owner, ownerId, id, head)
  if wantedHooks == nil then wantedHooks = redis.call('GET', prefix .. ':hooks:wanted') end
  if not wantedHooks or not string.find(wantedHooks, '|' .. string.match(head, '^[^|]*') .. '|', 1, true) then return end
  if redis.call('XLEN', prefix .. ':hooks') >= HOOKS_KEPT then return redis.call('INCR', prefix .. ':hooks:lost') end
  redis.call('XADD', prefix .. ':hooks', '*', owner, ownerId, 'i', id, 'e', head)
end
