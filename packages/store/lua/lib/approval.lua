--[[
  What policy demands of a plan, the votes on it, and the one place in which a plan becomes approved: docs/engine.md, approval.
  The decision stands in the field `policy` of the plan's hash, JSON text as it came: version, rule, outcome, demands, reason.
  The revision that was approved stands in the field '=' of `<plan>:steps`, where every claim reads it along with the step.
]]
-- Votes on the current digest under the policy that its decision is from.
local function votesThatStand()
  local votes, seen = {}, {}
  for _, text in ipairs(redis.call('LRANGE', planKey .. ':votes', 0, -1)) do
    local vote = cjson.decode(text)
    -- Half a transition may leave a vote, which its actor then gives again.
    if vote.digest == plan.digest and vote.policy == plan.policy.version and not seen[vote.actor] then
      seen[vote.actor] = true
      votes[#votes + 1] = vote
    end
  end
  return votes
end

local function hasSubmitted(actor)
  for _, submitter in ipairs(plan.submitters) do
    if submitter == actor then return true end
  end
  return false
end

local function countsTowards(demand, vote)
  if demand.notSubmitter and hasSubmitted(vote.actor) then return false end
  if #demand.roles == 0 then return true end
  for _, role in ipairs(vote.roles) do
    for _, wanted in ipairs(demand.roles) do
      if role == wanted then return true end
    end
  end
  return false
end

local function countsAtAll(vote)
  for _, demand in ipairs(plan.policy.demands) do
    if countsTowards(demand, vote) then return true end
  end
  return false
end

-- How many votes there are of those that all demands need together. Each actor has one vote on a digest.
local function countVotes(votes)
  local have, need = 0, 0
  for _, demand in ipairs(plan.policy.demands) do
    local met = 0
    for _, vote in ipairs(votes) do
      if countsTowards(demand, vote) then met = met + 1 end
    end
    have, need = have + math.min(met, demand.count), need + demand.count
  end
  return have, need
end

local function isApproved(votes)
  if plan.policy.outcome == 'auto' then return true end
  local have, need = countVotes(votes)
  return plan.policy.outcome == 'approve' and need > 0 and have == need
end

-- Whether exactly the current revision was approved.
local function hasApproval()
  return resultOf('=') == plan.revision
end

-- pending_approval -> approved where all demands are met, and on. `more` goes into the event's data.
local function becomeApproved(event, more)
  if not isApproved(votesThatStand()) then return end
  dropRequest()
  movePlan('approved')
  keepResult('=', plan.revision)
  emit('plan.approved', event, '{"digest":"' .. plan.digest .. '","policy":"' .. plan.policy.version .. '"' .. (more or '') .. '}')
  startOnceApproved()
end
