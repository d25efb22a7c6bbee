--[[
  What a vote on a plan goes through, for or against. Returns the reply that refuses or repeats it, or nil when it counts.
  A vote that comes too late does what the clock would have done.
]]
local function checkPlanVote(actor, digest)
  local refusal = checkDecision(KEYS[2], ARGV[4], { pending_approval = true })
  if refusal then return refusal end
  if isPlanExpired() then
    expirePlan()
    savePlan()
    return { 'wrong_state', 'expired' }
  end
  -- A vote is on exactly one digest, and each actor has one.
  if plan.digest ~= digest then return { 'stale_digest', plan.digest } end
  for _, vote in ipairs(redis.call('LRANGE', planKey .. ':votes', 0, -1)) do
    local voted = cjson.decode(vote)
    if voted.actor == actor and voted.digest == digest then return { 'already_voted' } end
  end
  rememberCall(KEYS[2], ARGV[4], planId, ARGV[5])
  return nil
end
