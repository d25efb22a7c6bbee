--[[
  Put before every command: a store that was emptied, or another one in its place, takes no command and answers none.
  ARGV    the last one is the identity that the process knows its store by, '' where it knows none; it is taken off
  Replies store_replaced and the identity that is there, '' for none
]]
do
  local known = table.remove(ARGV)
  if known ~= '' then
    local there = redis.call('GET', ARGV[1] .. ':store')
    if there ~= known then return { 'store_replaced', there or '' } end
  end
end
