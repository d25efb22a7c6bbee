--[[
  One actor's vote on exactly one digest. The vote that completes the quorum approves the plan and starts it.
  KEYS[1] the plan's hash   KEYS[2] the idempotency record
  ARGV    4 fingerprint   5 seconds the record lives   6 actor   7 digest   8 comment, JSON text
  Replies ok | replay id answer | idempotency_conflict | not_found | wrong_state status | stale_digest current | already_voted
  Events  plan.voted, plan.approved, plan.started, step.ready, step.queued, step.awaiting_approval; too late: plan.expired
]]
--- include context
--- include idempotency
--- include engine
--- include decision
--- include expire
--- include plan-vote

local actor, digest, comment = ARGV[6], ARGV[7], ARGV[8]
local refusal = checkPlanVote(actor, digest)
if refusal then return refusal end

-- The comment is a user's text: it is put in as it came, never decoded here.
local vote = '{"actor":' .. cjson.encode(actor) .. ',"at":' .. timeText() .. ',"digest":"' .. digest .. '","comment":' .. comment .. '}'
local have = redis.call('RPUSH', planKey .. ':votes', vote)
emit('plan.voted', { actor = actor }, '{"digest":"' .. digest .. '","comment":' .. comment .. ',"have":' .. have .. ',"need":' .. plan.quorum .. '}')
if have >= plan.quorum then
  dropRequest()
  movePlan('approved')
  emit('plan.approved', { actor = actor }, cjson.encode({ digest = digest }))
  startOnceApproved()
end
savePlan()
return { 'ok' }
