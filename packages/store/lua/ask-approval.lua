--[[
  running -> awaiting_approval: the step's condition holds, and it is a gate. It gives its place back.
  KEYS[1] the plan's hash
  ARGV    4 step   5 token   6 resolved input, JSON text or ''   7 the question, JSON text
          8 what the step will do, in words, JSON text or ''
  Replies ok | not_found | plan_not_executing | plan_stopping | stale_token
  Events  step.awaiting_approval, step.queued
]]
--- include context
--- include engine
--- include hold

local id = ARGV[4]
local step, reply = checkHold(id, ARGV[5])
if not step then return reply end
if plan.stopping ~= '' and not isCleanUp(id) then return { 'plan_stopping' } end
undoClaim(id, step)
if ARGV[6] ~= '' then keepResult('input:' .. id, ARGV[6]) end
keepResult('message:' .. id, ARGV[7])
if ARGV[8] ~= '' then keepResult('effects:' .. id, ARGV[8]) end
ask(id, step, step[ATTEMPT])
admit({})
savePlan()
return { 'ok' }
