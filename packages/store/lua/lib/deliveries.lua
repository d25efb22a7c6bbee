--[[
  The deliveries to one endpoint. Below `webhook:<id>`:
    delivery:<id>                   what is delivered, and how far that is
    deliveries, deliveries:<status> their ids, all and by status; ids sort by age
    waiting                         those that wait for a place, the next one first
    places                          those that an executor has, or is about to get
    jobs                            those with a job, by when it is due: places and those in backoff
  An endpoint has a few places over the whole fleet, so that one that hangs takes no others' executors; one that fails
  has a single place until something is delivered again. A delivery in backoff holds none.
]]
local PLACES, PLACES_WHILE_FAILING, FAILING = 3, 1, 3
local PENDING_KEPT, ENDED_KEPT = 10000, 1000
local deliveriesKey, waitingKey, placesKey, jobsKey = hookKey .. ':deliveries', hookKey .. ':waiting', hookKey .. ':places', hookKey .. ':jobs'

local function deliveryKey(id)
  return hookKey .. ':delivery:' .. id
end

local function deliveryJobId(id, number)
  return number == 1 and id or id .. '.' .. number
end

local function addDeliveryJob(id, delayMs)
  local number = redis.call('HINCRBY', deliveryKey(id), 'job', 1)
  local name = redis.call('HGET', deliveryKey(id), 'type')
  local data = '{"webhookId":"' .. hookId .. '","deliveryId":"' .. id .. '","job":' .. number .. '}'
  redis.call('ZADD', jobsKey, string.format('%d', time() + delayMs), id)
  if delayMs == 0 then return addJob('webhooks', deliveryJobId(id, number), { name = name, data = data, options = {} }) end
  local base = prefix .. ':bull:webhooks:'
  addDelayedJob(
    { base .. 'marker', base .. 'meta', base .. 'id', base .. 'delayed', base .. 'completed', base .. 'events' },
    { cmsgpack.pack({ base, deliveryJobId(id, number), name, time() }), data, cmsgpack.pack({ delay = delayMs }) }
  )
end

local function freePlaces()
  local failures = tonumber(redis.call('HGET', hookKey, 'failures') or 0)
  return (failures >= FAILING and PLACES_WHILE_FAILING or PLACES) - redis.call('SCARD', placesKey)
end

-- One that stands in the list twice, or has ended meanwhile, gets no place: nobody would ever give that back.
local function admitDeliveries()
  local free = freePlaces()
  while free > 0 do
    local id = redis.call('LINDEX', waitingKey, 0)
    if not id then return end
    if redis.call('HGET', deliveryKey(id), 'status') == 'pending' and redis.call('SADD', placesKey, id) == 1 then
      addDeliveryJob(id, 0)
      free = free - 1
    end
    -- Behind the rest: docs/engine.md, half a transition.
    redis.call('LPOP', waitingKey)
  end
end

local function leavePlace(id)
  redis.call('SREM', placesKey, id)
  redis.call('ZREM', jobsKey, id)
end

local function moveDelivery(id, from, to)
  redis.call('ZREM', deliveriesKey .. ':' .. from, id)
  redis.call('ZADD', deliveriesKey .. ':' .. to, 0, id)
  redis.call('HSET', deliveryKey(id), 'status', to)
end

-- Of those that have ended the newest are kept.
local function trimDeliveries()
  local over = redis.call('ZCARD', deliveriesKey) - redis.call('ZCARD', deliveriesKey .. ':pending') - ENDED_KEPT
  for _ = 1, over do
    local delivered = redis.call('ZRANGE', deliveriesKey .. ':delivered', 0, 0)[1]
    local dead = redis.call('ZRANGE', deliveriesKey .. ':dead', 0, 0)[1]
    local status = (not dead or (delivered and delivered < dead)) and 'delivered' or 'dead'
    local oldest = status == 'dead' and dead or delivered
    redis.call('ZREM', deliveriesKey .. ':' .. status, oldest)
    redis.call('ZREM', deliveriesKey, oldest)
    redis.call('DEL', deliveryKey(oldest))
  end
end

local function endDelivery(id, status)
  moveDelivery(id, 'pending', status)
  redis.call('HSET', deliveryKey(id), 'endedAt', timeText())
  redis.call('HDEL', deliveryKey(id), 'nextAttemptAt')
  trimDeliveries()
end

-- `fields` is a flat list of names and values.
local function addDelivery(id, fields)
  redis.call('RPUSH', waitingKey, id)
  redis.call('HSET', deliveryKey(id), 'id', id, 'status', 'pending', 'createdAt', timeText(), unpack(fields))
  redis.call('ZADD', deliveriesKey, 0, id)
  redis.call('ZADD', deliveriesKey .. ':pending', 0, id)
  if redis.call('ZCARD', deliveriesKey .. ':pending') > PENDING_KEPT then
    redis.call('RPOP', waitingKey)
    redis.call('HSET', deliveryKey(id), 'error', 'not tried: ' .. PENDING_KEPT .. ' earlier deliveries wait for this webhook')
    return endDelivery(id, 'dead')
  end
  admitDeliveries()
end
