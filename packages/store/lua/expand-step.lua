--[[
  A forEach step becomes its children, one for each element; it runs on without an executor. Children that completed in
  an earlier generation of the step are done.
  KEYS[1] the plan's hash
  ARGV    4 step   5 token   6 the elements, JSON list of JSON texts; at least one
  Replies ok | not_found | plan_not_executing | plan_stopping | stale_token
  Events  step.ready, step.queued of the children
]]
--- include context
--- include engine
--- include hold

local id = ARGV[4]
local step, reply = checkHold(id, ARGV[5])
if not step then return reply end
if plan.stopping ~= '' and not isCleanUp(id) then return { 'plan_stopping' } end
local items = cjson.decode(ARGV[6])
local counts = { total = #items, completed = 0, failed = 0, cancelled = 0 }
local children = {}
for index = 0, #items - 1 do children[index + 1] = childOf(id, index) end
loadSteps(children)
local fresh = {}
for position, child in ipairs(children) do
  local state = loadStep(child)
  if state[STATUS] == 'completed' then
    counts.completed = counts.completed + 1
  else
    state[STATUS], state[GENERATION] = 'ready', step[GENERATION]
    saveStep(child, state)
    keepResult('item:' .. child, items[position])
    emit('step.ready', { step = child })
    fresh[#fresh + 1] = child
  end
end
saveChildCounts(id, counts)
redis.call('HDEL', stepsKey, 'kept:' .. id)
add('inflight', -1)
step[TOKEN] = EXPANDED
saveStep(id, step)
if #fresh == 0 then follow(children[1]) else admit(fresh) end
savePlan()
return { 'ok' }
