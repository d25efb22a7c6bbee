--[[
  All that a change of a plan can lead to. A command that includes it has loadPlan, the steps, and every building block of
  docs/engine.md.
]]
--- include events
--- include plan
--- include steps
--- include iso-time
--- include jobs
--- include admit
--- include gates
--- include requests
--- include finish
--- include settle
--- include reopen
--- include start
--- include approval
--- include cancel
--- include stop
--- include children
