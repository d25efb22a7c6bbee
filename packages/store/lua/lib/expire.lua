--[[
  Approvals whose time is up. A vote that comes too late does this too, before it is refused: docs/engine.md, the clock.
]]
local function expirePlan()
  dropRequest()
  redis.call('DEL', waitsKey)
  setField('finishedAt', timeText())
  movePlan('expired')
  emit('plan.expired', {}, '{}')
end

local function isPlanExpired()
  local at = numberField('expiresAt')
  return plan.status == 'pending_approval' and at > 0 and time() >= at
end

local function isGateExpired(id)
  local gate = gateOf(id)
  return gate ~= nil and gate.decision == '' and gate.deadline > 0 and time() >= gate.deadline
end

local function expireGate(id)
  local gate, step = gateOf(id), loadStep(id)
  gate.decision = 'expired'
  saveGate(id, gate)
  failStepForGood(id, step, errorText('expired', 'nobody decided before ' .. isoTime(gate.deadline)))
end
