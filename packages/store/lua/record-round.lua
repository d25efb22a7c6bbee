--[[
  Keeps one round of a planner on its task.
  KEYS[1] the task's hash
  ARGV    1 prefix   2 now   3 the task's id   4 token   5 the round, JSON text
          6 '1' for a round that asked a model   7 tokens in   8 tokens out   9 millionths of a dollar; '' where not known
  Replies ok | not_found | wrong_state:status | stale_token
]]
--- include context

local taskKey = KEYS[1]
--- include task
--- include usage

local refusal = checkPlanner(taskKey, ARGV[4])
if refusal then return { refusal } end
-- The reply was lost, and the connection sent it again: what it cost is counted once.
if redis.call('LINDEX', taskKey .. ':rounds', -1) == ARGV[5] then return { 'ok' } end
redis.call('RPUSH', taskKey .. ':rounds', ARGV[5])
addUsage(taskKey, ARGV[6], ARGV[7], ARGV[8], ARGV[9])
redis.call('HSET', taskKey, 'updatedAt', time())
return { 'ok' }
