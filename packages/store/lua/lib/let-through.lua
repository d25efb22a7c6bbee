--[[
  For commands that must not fail for want of memory: those with which people stop things, and those with which executors
  keep what they have in hand. A Redis that is full refuses a script at its first write, where that may need memory; once a
  script has written, it lets everything pass, so that none is left half done. So the first write of these needs none. They
  add little: an event for each step of a plan that is cancelled, at the most.
]]
local function letThrough()
  redis.call('DEL', prefix .. ':nothing')
end
