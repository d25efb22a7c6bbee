-- now in ms: the caller's, or Redis's own clock where the caller gives ''.
local function clock(given)
  local ms = tonumber(given)
  if ms then return ms end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
