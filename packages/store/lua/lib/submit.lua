-- Nobody has to approve where policy says so: there are no votes that could make it approved.
local function approveByPolicy()
  becomeApproved({}, ',"auto":' .. cjson.encode(plan.policy.reason))
end

-- What people are asked, with all that policy said of it.
local function sayWhatIsAsked(event)
  emit('plan.submitted', event, '{"digest":"' .. plan.digest .. '","quorum":' .. plan.quorum .. ',"policy":' .. plan.policyText .. '}')
end

-- draft -> pending_approval, and on where nobody has to approve.
local function submitPlan(actor)
  movePlan('pending_approval')
  sayWhatIsAsked({ actor = actor })
  approveByPolicy()
end

-- Whose votes count for nothing where others must approve: who created the plan, who wrote the revision or asked for it,
-- who handed it in.
local function setSubmitters(actors)
  redis.call('HSET', planKey, 'submitters', cjson.encode(actors))
end

local function addSubmitter(actor)
  if hasSubmitted(actor) then return end
  plan.submitters[#plan.submitters + 1] = actor
  setSubmitters(plan.submitters)
end

-- Keeps what was decided, JSON text, and goes by it from here on.
local function recordDecision(decision, quorum)
  redis.call('HSET', planKey, 'policy', decision, 'quorum', quorum, 'digest', plan.digest)
  loadTerms()
end

local function isDenied(decision)
  return cjson.decode(decision).outcome == 'deny'
end
