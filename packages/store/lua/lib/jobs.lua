--[[
  Adds a step's job with BullMQ's own script. `addStandardJob` and `addDelayedJob` stand above: BullMQ's shipped text,
  each made a local function of (KEYS, ARGV) when the script is put together.
]]
local function addStepJob(id, node, step, delayMs)
  local base = prefix .. ':bull:' .. node.queue .. ':'
  local jobId = planId .. '-' .. id .. '-' .. step[GENERATION]
  if step[DELIVERY] > 1 then jobId = jobId .. '.' .. step[DELIVERY] end
  local data = '{"planId":"' .. planId .. '","stepId":"' .. id .. '","revision":' .. plan.revision .. ',"generation":' .. step[GENERATION] .. ',"delivery":' .. step[DELIVERY] .. '}'
  local args = cmsgpack.pack({ base, jobId, node.tool, timeText() })
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
