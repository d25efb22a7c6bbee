--[[
  What a vote on a plan goes through, for or against. Returns the reply that refuses or repeats it, or nil when it may be
  counted. A vote that comes too late does what the clock would have done.
]]
local function checkPlanVote(digest)
  local refusal = checkDecision(KEYS[2], ARGV[4], { pending_approval = true })
  if refusal then return refusal end
  if isPlanExpired() then
    expirePlan()
    savePlan()
    return { 'wrong_state', 'expired' }
  end
  -- A vote is on exactly one digest.
  if plan.digest ~= digest then return { 'stale_digest', plan.digest } end
  return nil
end

-- Each actor has one vote on a digest.
local function hasVoted(actor, votes)
  for _, vote in ipairs(votes) do
    if vote.actor == actor then return true end
  end
  return false
end
