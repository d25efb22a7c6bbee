--[[
  Adds a step's job with BullMQ's own script. `addStandardJob` and `addDelayedJob` stand above: BullMQ's shipped text,
  each made a local function of (KEYS, ARGV) when the script is put together.
]]
-- `route` is where the job goes: {place, tool, queue}. `at` is now, as text.
local function addStepJob(id, route, delivery, delayMs)
  local base = prefix .. ':bull:' .. route.queue .. ':'
  local jobId = planId .. '-' .. id .. '-' .. delivery.generation
  if delivery.number > 1 then jobId = jobId .. '.' .. delivery.number end
  local data = '{"planId":"' .. planId .. '","stepId":"' .. id .. '","revision":' .. delivery.revision .. ',"generation":' .. delivery.generation .. ',"delivery":' .. delivery.number .. '}'
  local args = cmsgpack.pack({ base, jobId, route.tool, delivery.at })
  if delayMs > 0 then
    addDelayedJob(
      { base .. 'marker', base .. 'meta', base .. 'id', base .. 'delayed', base .. 'completed', base .. 'events' },
      { args, data, cmsgpack.pack({ delay = delayMs }) }
    )
  else
    -- Last in, first out: plans under way go before plans that wait to start.
    addStandardJob(
      { base .. 'wait', base .. 'paused', base .. 'meta', base .. 'id', base .. 'completed', base .. 'delayed', base .. 'active', base .. 'events', base .. 'marker' },
      { args, data, cmsgpack.pack({ lifo = true }) }
    )
  end
end
