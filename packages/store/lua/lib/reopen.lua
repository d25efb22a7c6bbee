--[[
  Some steps are pending while others have ended before: docs/engine.md, reopen.
]]
local function loadGraph(ids)
  for from = 1, #ids, 1000 do
    local to = math.min(from + 999, #ids)
    local texts = redis.call('HMGET', graphKey(), unpack(ids, from, to))
    for i = from, to do graphCache[ids[i]] = parseNode(texts[i - from + 1]) end
  end
end

local function reopen()
  local ids = allSteps()
  loadGraph(ids)
  local counts = {}
  local function countsOf(group)
    counts[group] = counts[group] or { ended = 0, failed = 0, skipped = 0, succeeded = 0 }
    return counts[group]
  end
  for _, id in ipairs(ids) do
    if hasEnded(loadStep(id)) then
      local _, result, cause = unpack(ending(id))
      for group in string.gmatch(graphOf(id).groups, '%d+') do
        local count = countsOf(group)
        count.ended = count.ended + 1
        count[result] = count[result] + 1
        if result == 'failed' then count.cause = count.cause or cause end
      end
    end
  end

  dropWaits()
  local waits, undecided = {}, {}
  for _, id in ipairs(ids) do
    local node = graphOf(id)
    if loadStep(id)[STATUS] == 'pending' then
      local count = node.group == '' and { ended = 0, failed = 0, skipped = 0 } or countsOf(node.group)
      if count.ended == node.dependencies then
        undecided[#undecided + 1] = { id, count }
      elseif node.dependencies > 1 and not count.written then
        count.written = true
        for _, pair in ipairs({ { '', node.dependencies - count.ended }, { ':failed', count.failed }, { ':skipped', count.skipped }, { ':cause', count.cause } }) do
          if pair[2] and (pair[1] == '' or pair[2] ~= 0) then
            waits[#waits + 1] = node.group .. pair[1]
            waits[#waits + 1] = pair[2]
          end
        end
      end
    end
  end
  for from = 1, #waits, 1000 do redis.call('HSET', waitsKey, unpack(waits, from, math.min(from + 999, #waits))) end

  local fresh, skipped = {}, {}
  for _, each in ipairs(undecided) do
    decideStep(each[1], each[2], fresh, skipped)
  end
  for _, id in ipairs(settle(skipped)) do fresh[#fresh + 1] = id end
  admit(fresh)
  finish()
end
