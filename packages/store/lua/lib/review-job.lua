--[[
  Asks an executor to look at what a revision's steps will do, for the people who are to approve it. Nothing waits for
  the answer; an executor that can't give it now is asked again for a while. What adds
  jobs (standard-job.lua) has come along with the engine, by the requests to the planner.
]]
local function addReviewJob(revision)
  addJob('reviews', planId .. '.' .. revision, {
    name = 'review',
    data = '{"planId":"' .. planId .. '","revision":' .. revision .. '}',
    options = { attempts = 10, backoff = { type = 'exponential', delay = 1000 } },
  })
end
