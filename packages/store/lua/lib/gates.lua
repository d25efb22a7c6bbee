--[[
  Gates: steps that wait for people. docs/engine.md, open and ask.
]]
local function gateOf(id)
  local text = resultOf('gate:' .. id)
  if not text then return nil end
  local since, deadline, have, decision = string.match(text, '^(%d+)|(%d+)|(%d+)|(.*)$')
  return { since = since, deadline = tonumber(deadline), have = tonumber(have), decision = decision }
end

local function saveGate(id, gate)
  keepResult('gate:' .. id, string.format('%s|%d|%d|%s', gate.since, gate.deadline, gate.have, gate.decision))
end

-- `attempt` is given where an executor had claimed the step.
local function ask(id, step, attempt)
  local within = numberField('approvalTimeoutMs')
  local deadline = within > 0 and time() + within or 0
  step[STATUS] = 'awaiting_approval'
  saveStep(id, step)
  saveGate(id, { since = timeText(), deadline = deadline, have = 0, decision = '' })
  redis.call('ZADD', prefix .. ':approvals', time(), planId .. ':' .. id)
  if deadline > 0 then setDue('gate', deadline, id) end
  local need = string.match(graphOf(id).gate, '^%d+')
  local by = deadline > 0 and ',"deadline":"' .. isoTime(deadline) .. '"' or ''
  emit('step.awaiting_approval', { step = id, attempt = attempt }, '{"need":' .. need .. by .. '}')
end

-- A step that may run: it is ready, and joins `fresh`, or it asks. `special` tells that it may be a gate.
local function open(id, fresh, special)
  if special and string.find(graphOf(id).gate, 'a', 1, true) then
    local gate = gateOf(id)
    if not gate or gate.decision ~= 'approved' then return ask(id, loadStep(id)) end
  end
  emit('step.ready', { step = id })
  fresh[#fresh + 1] = id
end
