--[[
  One actor's vote on one gate. KEYS, ARGV and replies as in approve-gate; `decision` is approved or rejected.
]]
--- include let-through

local function voteOnGate(decision)
  local id, actor, comment, data = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
  local refusal = checkStepDecision(KEYS[2], ARGV[4], id, nil, { awaiting_approval = true })
  if refusal then return refusal end
  local step = loadStep(id)
  if isGateExpired(id) then
    expireGate(id)
    savePlan()
    return { 'wrong_step_state', 'failed' }
  end
  local votes = redis.call('HGET', stepsKey, 'votes:' .. id)
  for _, vote in ipairs(votes and cjson.decode('[' .. votes .. ']') or {}) do
    if vote.actor == actor then return { 'already_voted' } end
  end
  if decision == 'rejected' then letThrough() end
  rememberCall(KEYS[2], ARGV[4], planId, ARGV[5])

  -- Comment and data are a user's: they are put in as they came.
  local given = '"comment":' .. comment .. ',"data":' .. (data ~= '' and data or 'null')
  local vote = '{"actor":' .. cjson.encode(actor) .. ',"at":' .. timeText() .. ',"decision":"' .. decision .. '",' .. given .. '}'
  keepResult('votes:' .. id, votes and votes .. ',' .. vote or vote)
  if data ~= '' then keepResult('answer:' .. id, data) end
  local gate = gateOf(id)
  if decision == 'rejected' then
    gate.decision = 'rejected'
    saveGate(id, gate)
    emit('step.rejected', { step = id, actor = actor }, '{' .. given .. '}')
    local why = comment ~= 'null' and ': ' .. cjson.decode('[' .. comment .. ']')[1] or ''
    failStepForGood(id, step, errorText('rejected', actor .. ' rejected it' .. why))
  else
    gate.have = gate.have + 1
    local need = tonumber(string.match(graphOf(id).gate, '^%d+'))
    if gate.have >= need then gate.decision = 'approved' end
    saveGate(id, gate)
    emit('step.approved', { step = id, actor = actor }, '{"have":' .. gate.have .. ',"need":' .. need .. ',' .. given .. '}')
    if gate.decision == 'approved' then
      leave(id, step)
      step[STATUS] = 'ready'
      saveStep(id, step)
      emit('step.ready', { step = id })
      admit({ id })
    end
  end
  savePlan()
  return { 'ok' }
end
