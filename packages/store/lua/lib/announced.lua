--[[
  What executors have announced: `tool:<name>`, `condition:<name>`, `queue:<name>`, by when one last said so. The contracts
  of tools are in the hash `tools`, conditions in the set `conditions`.
]]
local announcedKey, toolsKey, conditionsKey = prefix .. ':announced', prefix .. ':tools', prefix .. ':conditions'

local function noteAnnounced(kind, name)
  redis.call('ZADD', announcedKey, timeText(), kind .. ':' .. name)
end
