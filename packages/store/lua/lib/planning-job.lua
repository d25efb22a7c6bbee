--[[
  Adds a job of the planner. Adding one again needs another number, because BullMQ keeps the record of a finished job and
  adds no second one of its id.
]]
--- include standard-job

local function planningJobId(id, number)
  return number == 1 and id or id .. '.' .. number
end

-- `data` is JSON text. A planner's job fails only while Redis can't be written: it is tried again until it can.
local function addPlanningJob(jobId, name, data)
  addJob('planning', jobId, { name = name, data = data, options = { attempts = 1000000, backoff = { type = 'fixed', delay = 1000 } } })
end

local function addTaskJob(taskId, number)
  addPlanningJob(planningJobId(taskId, number), 'plan', '{"taskId":"' .. taskId .. '"}')
end
