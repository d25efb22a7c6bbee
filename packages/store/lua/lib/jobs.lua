--[[
  Adds a step's job with BullMQ's own script. `addPrioritizedJob` and `addDelayedJob` stand above: BullMQ's shipped text,
  each made a local function of (KEYS, ARGV) when the script is put together.
]]
-- `route` is where the job goes: {place, tool, queue}. `weight` is its priority: among equals the first added goes first.
-- `at` is now, as text.
local function addStepJob(id, route, delivery, delayMs)
  local base = prefix .. ':bull:' .. route.queue .. ':'
  local jobId = planId .. '-' .. id .. '-' .. delivery.generation
  if delivery.number > 1 then jobId = jobId .. '.' .. delivery.number end
  local data = '{"planId":"' .. planId .. '","stepId":"' .. id .. '","revision":' .. delivery.revision .. ',"generation":' .. delivery.generation .. ',"delivery":' .. delivery.number .. '}'
  local args = cmsgpack.pack({ base, jobId, route.tool, delivery.at })
  if delayMs > 0 then
    addDelayedJob(
      { base .. 'marker', base .. 'meta', base .. 'id', base .. 'delayed', base .. 'completed', base .. 'events' },
      { args, data, cmsgpack.pack({ delay = delayMs, priority = delivery.weight }) }
    )
  else
    addPrioritizedJob(
      { base .. 'marker', base .. 'meta', base .. 'id', base .. 'prioritized', base .. 'delayed', base .. 'completed', base .. 'active', base .. 'events', base .. 'pc' },
      { args, data, cmsgpack.pack({ priority = delivery.weight }) }
    )
  end
end
