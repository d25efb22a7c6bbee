-- A request fails with an error, JSON text. After a replan that failed the plan stays as it ended, and is summarised where asked.
local function failRequest(text)
  local kind = redis.call('HGET', planKey, 'requestKind')
  redis.call('HSET', planKey, 'requestError', text)
  closeRequest('failed')
  if kind == 'replan' and redis.call('HEXISTS', planKey, 'summarize') == 1 then openRequest('summarise', '', 'null') end
end
