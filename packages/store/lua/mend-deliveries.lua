--[[
  Gives deliveries whose job was lost another one, and free places to those that wait. On a healthy queue it changes nothing.
  KEYS[1] the endpoint's hash
  ARGV    1 prefix   2 now   3 the endpoint's id   4 ms that a job must have been due for
  Replies ok, and of each that was mended its id and what became of its job
]]
--- include context
--- include webhooks
--- include standard-job
--- include deliveries
--- include lost

local reply = { 'ok' }
if redis.call('EXISTS', hookKey) == 0 then return reply end

local function mend(id, why)
  redis.call('LPUSH', waitingKey, id)
  leavePlace(id)
  reply[#reply + 1] = id
  reply[#reply + 1] = why
end

for _, id in ipairs(redis.call('ZRANGE', jobsKey, '-inf', string.format('%d', time() - ARGV[4]), 'BYSCORE', 'LIMIT', 0, 100)) do
  local found = redis.call('HMGET', deliveryKey(id), 'status', 'job')
  if found[1] ~= 'pending' or not found[2] then
    leavePlace(id)
  else
    local why = lossOf('webhooks', deliveryJobId(id, tonumber(found[2])))
    if why then mend(id, why) end
  end
end
-- Half a transition can leave a place without a job.
for _, id in ipairs(redis.call('SMEMBERS', placesKey)) do
  if not redis.call('ZSCORE', jobsKey, id) then
    if redis.call('HGET', deliveryKey(id), 'status') == 'pending' then mend(id, 'job_missing') else leavePlace(id) end
  end
end
admitDeliveries()
return reply
