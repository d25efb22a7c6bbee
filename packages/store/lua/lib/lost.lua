--[[
  What became of a job, as BullMQ has it: read, never written. A job that waits, is delayed, or is in a worker's hands is
  BullMQ's to deliver, however long that takes; one that is gone, or finished while what it stands for goes on, is lost.
  A job's own record decides, and not the lists that it may stand in: finding it there would cost as much as they are long.
]]
-- Why the job will not be delivered any more: job_missing, job_failed, job_completed; nil where it will be.
local function lossOf(queue, jobId)
  local base = prefix .. ':bull:' .. queue .. ':'
  if redis.call('EXISTS', base .. jobId) == 0 then return 'job_missing' end
  if redis.call('ZSCORE', base .. 'failed', jobId) then return 'job_failed' end
  if redis.call('ZSCORE', base .. 'completed', jobId) then return 'job_completed' end
  return nil
end
