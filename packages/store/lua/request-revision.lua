--[[
  A person asks the planner for a new revision. The plan's status stays until there is one.
  KEYS[1] the plan's hash   KEYS[2] the idempotency record
  ARGV    4 fingerprint and sending   5 seconds the record lives   6 actor   7 feedback, JSON text   8 the actor's roles, JSON list
  Replies ok | repeat id | replay id answer | idempotency_conflict | not_found | wrong_state status | asked_already
]]
--- include context
--- include idempotency
--- include engine
--- include decision

local refusal = checkDecision(KEYS[2], ARGV[4], { draft = true, pending_approval = true, failed = true, partial = true })
if refusal then return refusal end
local kind = openRequestKind()
if kind == 'revise' or kind == 'replan' then return { 'asked_already' } end
rememberCall(KEYS[2], ARGV[4], planId, ARGV[5])
openRequest('revise', ARGV[6], ARGV[7], ARGV[8])
return { 'ok' }
