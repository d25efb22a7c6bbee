--[[
  One actor's approval of a step that asks. The one that completes the quorum makes the step ready.
  KEYS[1] the plan's hash   KEYS[2] the idempotency record
  ARGV    4 fingerprint and sending   5 seconds the record lives   6 step   7 actor   8 comment, JSON text   9 data, JSON text or ''
  Replies ok | repeat id | replay id answer | idempotency_conflict | not_found | step_not_found | wrong_step_state status | already_voted
  Events  step.approved, step.ready, step.queued; where it came too late step.failed and what follows from it
]]
--- include context
--- include idempotency
--- include engine
--- include decision
--- include expire
--- include gate-vote

return voteOnGate('approved')
