--[[
  A plan at one moment: its hash, its current revision, its steps and votes. Writes nothing.
  KEYS[1] the plan's hash
  ARGV    1 prefix   2 -   3 the plan's id   4 '1' with the steps and the revision's content
  Replies {} when there is no such plan | plan fields, revision fields, step fields (states and results), votes, the ready set,
          the rounds of the planner on what the plan asks of it, what was found that the revision's steps will do
]]
local planKey = KEYS[1]
local plan = redis.call('HGETALL', planKey)
if #plan == 0 then return {} end
local state = redis.call('HGET', planKey .. ':steps', '@')
plan[#plan + 1] = 'state'
plan[#plan + 1] = state
local votes = redis.call('LRANGE', planKey .. ':votes', 0, -1)
if ARGV[4] ~= '1' then return { plan, {}, {}, votes, {}, {}, {} } end
local revision = string.match(state, '^[^|]*|[^|]*|(%d+)|')
return {
  plan,
  redis.call('HGETALL', planKey .. ':rev:' .. revision),
  redis.call('HGETALL', planKey .. ':steps'),
  votes,
  redis.call('ZRANGE', planKey .. ':ready', 0, -1),
  redis.call('LRANGE', planKey .. ':rounds', 0, -1),
  redis.call('HGETALL', planKey .. ':review'),
}
