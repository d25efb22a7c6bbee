--[[
  What became of a job, as BullMQ has it: read, never written. A job that waits, is delayed, or is in a worker's hands is
  BullMQ's to deliver, however long that takes; one that is gone, or finished while what it stands for goes on, is lost.
  One that has a record and stands in no list is lost, too: half a transition leaves that (docs/engine.md).
]]
-- Looking through a list costs as much as it is long: in a longer one a job counts as there.
local LONGEST_SEARCHED = 1000

local function isListed(base, jobId)
  for _, name in ipairs({ 'prioritized', 'delayed', 'waiting-children' }) do
    if redis.call('ZSCORE', base .. name, jobId) then return true end
  end
  for _, name in ipairs({ 'active', 'wait', 'paused' }) do
    if redis.call('LLEN', base .. name) > LONGEST_SEARCHED or redis.call('LPOS', base .. name, jobId) then return true end
  end
  return false
end

-- Why the job will not be delivered any more: job_missing, job_failed, job_completed, job_unlisted; nil where it will be.
local function lossOf(queue, jobId)
  local base = prefix .. ':bull:' .. queue .. ':'
  if redis.call('EXISTS', base .. jobId) == 0 then return 'job_missing' end
  if redis.call('ZSCORE', base .. 'failed', jobId) then return 'job_failed' end
  if redis.call('ZSCORE', base .. 'completed', jobId) then return 'job_completed' end
  if not isListed(base, jobId) then return 'job_unlisted' end
  return nil
end
