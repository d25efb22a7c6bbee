--[[
  Adds a job without priority with BullMQ's own script, which stands above as a local function; see jobs.lua. A job of an id
  that there is, or was, is not added again.
]]
-- `data` is JSON text; `options` are BullMQ's.
local function addJob(queue, jobId, job)
  local base = prefix .. ':bull:' .. queue .. ':'
  addStandardJob(
    { base .. 'wait', base .. 'paused', base .. 'meta', base .. 'id', base .. 'completed', base .. 'delayed', base .. 'active', base .. 'events', base .. 'marker' },
    { cmsgpack.pack({ base, jobId, job.name, time() }), job.data, cmsgpack.pack(job.options) }
  )
end
