--[[
  What became of an attempt. Whoever waits for the place that it leaves gets it.
  KEYS[1] the endpoint's hash
  ARGV    1 prefix   2 now   3 the endpoint's id   4 the delivery's id   5 the number of its job
          6 what is known of the attempt, JSON list of names and values: responseStatus, error, durationMs
          7 delivered | failed   8 ms until the next attempt, '' for none   9 why the endpoint is disabled, '' if it is not
          10 deliveries that may die in a row
  Replies delivered | retrying | dead, each with why the endpoint was disabled or ''; gone | stale
]]
--- include context
--- include webhooks
--- include standard-job
--- include deliveries

local id, outcome, delayMs, reason = ARGV[4], ARGV[7], tonumber(ARGV[8]), ARGV[9]
local found = redis.call('HMGET', deliveryKey(id), 'status', 'job', 'type')
if not found[1] then return { 'gone' } end
if found[1] ~= 'pending' or found[2] ~= ARGV[5] then return { 'stale' } end
redis.call('HDEL', deliveryKey(id), 'responseStatus', 'error')
redis.call('HSET', deliveryKey(id), 'lastAttemptAt', timeText(), unpack(cjson.decode(ARGV[6])))
redis.call('HINCRBY', deliveryKey(id), 'attempts', 1)
redis.call('HINCRBY', deliveryKey(id), 'tries', 1)
leavePlace(id)

local word = outcome
if outcome == 'delivered' then
  endDelivery(id, 'delivered')
  redis.call('HSET', hookKey, 'failures', 0, 'deadInARow', 0, 'lastDeliveredAt', timeText())
elseif delayMs then
  word = 'retrying'
  redis.call('HINCRBY', hookKey, 'failures', 1)
  redis.call('HSET', deliveryKey(id), 'nextAttemptAt', string.format('%d', time() + delayMs))
  addDeliveryJob(id, math.max(delayMs, 1))
else
  word = 'dead'
  endDelivery(id, 'dead')
  redis.call('HINCRBY', hookKey, 'failures', 1)
  -- A test says nothing of the others, which is what it is for.
  local inARow = found[3] ~= 'webhook.test' and redis.call('HINCRBY', hookKey, 'deadInARow', 1) or 0
  if reason == '' and inARow >= tonumber(ARGV[10]) then reason = ARGV[10] .. ' deliveries in a row died' end
end
local isEnabled = redis.call('HGET', hookKey, 'enabled') == '1'
if reason ~= '' and isEnabled then disableHook(reason) end
admitDeliveries()
return { word, isEnabled and reason or '' }
