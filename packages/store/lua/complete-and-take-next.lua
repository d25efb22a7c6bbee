--[[
  Three commands as one, for an executor at work: the step in hand is completed (complete-step), its job is finished and
  the next one taken (BullMQ's moveToFinished), and that one's step is claimed (claim-step). Where the first is unusual
  nothing is written; where the last is, the step is claimed on its own.
  KEYS[1] the plan's hash   KEYS[2..15] those of moveToFinished
  ARGV    4 step   5 token   6 output, JSON text   7..15 those of moveToFinished   16 token for the next claim
          17 executor, JSON text
  Replies unusual | ok, what moveToFinished replies, what claim-step replies or ''
  Events  those of complete-step and claim-step
]]
--- function completeStep complete-step
--- function claimStep claim-step

local recorded = completeStep({ KEYS[1] }, { ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] })
if recorded[1] ~= 'ok' then return recorded end

local bullKeys, bullArgs = {}, {}
for i = 2, 15 do bullKeys[i - 1] = KEYS[i] end
for i = 7, 15 do bullArgs[i - 6] = ARGV[i] end
local finished = moveToFinished(bullKeys, bullArgs)
local job = type(finished) == 'table' and finished[1]
if type(job) ~= 'table' then return { 'ok', finished, '' } end

for i = 1, #job, 2 do
  if job[i] == 'data' then
    local planId, stepId, generation, delivery =
      string.match(job[i + 1], '^{"planId":"([^"]+)","stepId":"([^"]+)","revision":%d+,"generation":(%d+),"delivery":(%d+)}$')
    if not planId then break end
    -- Somebody's own job for the step, not the engine's: it is not claimed.
    local jobId = planId .. '-' .. stepId .. '-' .. generation .. (delivery == '1' and '' or '.' .. delivery)
    if finished[2] ~= jobId then break end
    return { 'ok', finished, claimStep({ ARGV[1] .. ':plan:' .. planId }, { ARGV[1], ARGV[2], planId, stepId, generation, delivery, ARGV[16], ARGV[17] }) }
  end
end
return { 'ok', finished, '' }
