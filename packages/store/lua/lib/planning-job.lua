--[[
  Adds a task's planning job with BullMQ's own script; see jobs.lua. Adding it again needs another number, because
  BullMQ keeps the record of a finished job and adds no second one of its id.
]]
local function planningJobId(taskId, number)
  return number == 1 and taskId or taskId .. '.' .. number
end

-- A planner's job fails only while Redis can't be written: it is tried again until it can.
local function addPlanningJob(taskId, number)
  local base = prefix .. ':bull:planning:'
  addStandardJob(
    { base .. 'wait', base .. 'paused', base .. 'meta', base .. 'id', base .. 'completed', base .. 'delayed', base .. 'active', base .. 'events', base .. 'marker' },
    { cmsgpack.pack({ base, planningJobId(taskId, number), 'plan', time() }), '{"taskId":"' .. taskId .. '"}', cmsgpack.pack({ attempts = 1000000, backoff = { type = 'fixed', delay = 1000 } }) }
  )
end
