--[[
  Asks an executor to look at what a revision's steps will do, for the people who are to approve it. Nothing waits for
  the answer; an executor that can't give it now is asked again for a while.
]]
local function addReviewJob(revision)
  local base = prefix .. ':bull:reviews:'
  addStandardJob(
    { base .. 'wait', base .. 'paused', base .. 'meta', base .. 'id', base .. 'completed', base .. 'delayed', base .. 'active', base .. 'events', base .. 'marker' },
    {
      cmsgpack.pack({ base, planId .. '.' .. revision, 'review', time() }),
      '{"planId":"' .. planId .. '","revision":' .. revision .. '}',
      cmsgpack.pack({ attempts = 10, backoff = { type = 'exponential', delay = 1000 } }),
    }
  )
end
