--[[
  One actor's vote on exactly one digest, under exactly one version of the policy. The vote with which all demands are met
  approves the plan and starts it.
  KEYS[1] the plan's hash   KEYS[2] the idempotency record
  ARGV    4 fingerprint and sending   5 seconds the record lives   6 actor   7 digest   8 comment, JSON text
          9 the actor's roles, JSON list   10 the version of the policy
  Replies ok | repeat id | replay id answer | idempotency_conflict | not_found | wrong_state status | stale_digest current |
          policy_changed | policy_denied | already_voted | cannot_count
  Events  plan.voted, plan.approved, plan.started, step.ready, step.queued, step.awaiting_approval; too late: plan.expired
]]
--- include context
--- include idempotency
--- include engine
--- include decision
--- include expire
--- include plan-vote

local actor, digest, comment, roles, version = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local refusal = checkPlanVote(digest)
if refusal then return refusal end
if plan.policy.version ~= version then return { 'policy_changed' } end
if plan.policy.outcome == 'deny' then return { 'policy_denied' } end
local votes = votesThatStand()
if hasVoted(actor, votes) then return { 'already_voted' } end
local mine = { actor = actor, roles = cjson.decode(roles) }
if not countsAtAll(mine) then return { 'cannot_count' } end
rememberCall(KEYS[2], ARGV[4], planId, ARGV[5])

-- The comment is a user's text: it is put in as it came, never decoded here.
local given = '"digest":"' .. digest .. '","comment":' .. comment .. ',"roles":' .. roles .. ',"policy":"' .. version .. '"'
votes[#votes + 1] = mine
local have, need = countVotes(votes)
emit('plan.voted', { actor = actor }, '{' .. given .. ',"have":' .. have .. ',"need":' .. need .. '}')
-- Behind its event: a part of this may leave a vote told twice, but none that counts and was not told.
redis.call('RPUSH', planKey .. ':votes', '{"actor":' .. cjson.encode(actor) .. ',"at":' .. timeText() .. ',' .. given .. '}')
becomeApproved({ actor = actor })
savePlan()
return { 'ok' }
