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
for _, id in ipairs(redis.call('ZRANGE', jobsKey, '-inf', string.format('%d', time() - ARGV[4]), 'BYSCORE', 'LIMIT', 0, 100)) do
  local number = redis.call('HGET', deliveryKey(id), 'job')
  local why = number and lossOf('webhooks', deliveryJobId(id, tonumber(number)))
  if not number then
    leavePlace(id)
  elseif why then
    leavePlace(id)
    redis.call('LPUSH', waitingKey, id)
    reply[#reply + 1] = id
    reply[#reply + 1] = why
  end
end
admitDeliveries()
return reply
