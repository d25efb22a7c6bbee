--[[
  Holds plans, or tasks, against the indexes that they stand in, and puts right where half a transition left them somewhere
  else: docs/engine.md, half a transition. What is recorded of them decides.
  KEYS[1] the index of all of them
  ARGV    1 prefix   2 now   3 ''   4 plan or task   5 the statuses, joined by ','   6 and on: ids
  Replies ok {id why}...; why is other_index | not_in_index | no_record
]]
local index, prefix, kind = KEYS[1], ARGV[1], ARGV[4]
local ENDED = { completed = true, partial = true, failed = true, rejected = true, expired = true, cancelled = true }

local function place(zset, id, score)
  if redis.call('ZSCORE', zset, id) then return false end
  redis.call('ZADD', zset, string.format('%d', score), id)
  return true
end

local function number(text)
  return tonumber(text or '') or 0
end

-- Where else a plan of a status stands, while it has that. Returns whether it stood elsewhere, and whether it was missing.
local function mendPlan(id, status)
  local found = redis.call('HMGET', prefix .. ':plan:' .. id, 'updatedAt', 'createdAt', 'expiresAt', 'startAt', 'finishedAt')
  local since, moved, missing = number(found[1] or found[2]), false, false
  if status == 'pending_approval' then
    missing = place(prefix .. ':approvals', id, since) or missing
    if number(found[3]) > 0 then missing = place(prefix .. ':due', 'expire:' .. id, number(found[3])) or missing end
  else
    moved = redis.call('ZREM', prefix .. ':approvals', id) == 1 or moved
  end
  if status == 'approved' then missing = place(prefix .. ':due', 'start:' .. id, number(found[4])) or missing end
  if ENDED[status] then
    missing = place(prefix .. ':plans:ended', id, number(found[5])) or missing
  else
    moved = redis.call('ZREM', prefix .. ':plans:ended', id) == 1 or moved
  end
  return moved, missing
end

local mended = { 'ok' }
for at = 6, #ARGV do
  local id = ARGV[at]
  local status
  if kind == 'plan' then
    status = string.match(redis.call('HGET', prefix .. ':plan:' .. id .. ':steps', '@') or '', '^[^|]+')
  else
    status = redis.call('HGET', prefix .. ':task:' .. id, 'status') or nil
  end
  local moved, missing = false, false
  for other in string.gmatch(ARGV[5], '[^,]+') do
    if other ~= status then
      moved = redis.call('ZREM', index .. ':' .. other, id) == 1 or moved
    else
      missing = place(index .. ':' .. other, id, 0) or missing
    end
  end
  local why
  if not status then
    redis.call('ZREM', index, id)
    redis.call('ZREM', index .. ':ended', id)
    if kind == 'plan' then
      redis.call('ZREM', prefix .. ':approvals', id)
      redis.call('ZREM', prefix .. ':plans:asking', id)
    end
    why = 'no_record'
  else
    if kind == 'plan' then
      local elsewhere, absent = mendPlan(id, status)
      moved, missing = moved or elsewhere, missing or absent
    end
    why = moved and 'other_index' or missing and 'not_in_index'
  end
  if why then
    mended[#mended + 1] = id
    mended[#mended + 1] = why
  end
end
return mended
