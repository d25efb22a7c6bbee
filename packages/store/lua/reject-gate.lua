--[[
  awaiting_approval -> failed: one actor's rejection is enough.
  KEYS, ARGV and replies as in approve-gate
  Events  step.rejected, step.failed and what follows from it
]]
--- include context
--- include idempotency
--- include engine
--- include decision
--- include expire
--- include gate-vote

return voteOnGate('rejected')
