--[[
  A planner that shuts down lets go of its task: the next one takes it over, and that does not count as a loss.
  KEYS[1] the task's hash
  ARGV    1 prefix   2 now   3 the task's id   4 token
  Replies ok | not_found | wrong_state:status | stale_token
]]
--- include context

local taskKey = KEYS[1]
--- include task

local refusal = checkPlanner(taskKey, ARGV[4])
if refusal then return { refusal } end
redis.call('HINCRBY', taskKey, 'takeovers', -1)
return { 'ok' }
