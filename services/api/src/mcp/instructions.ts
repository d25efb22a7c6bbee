/** What agents are told when they connect. */
export const INSTRUCTIONS = `Countersign holds plans until people have approved exactly them, and then runs them. Nothing runs before that.

1. list_tools says which tools the steps of a plan can use, get_tool what one of them takes. Write a plan with submit_plan, where validate_plan tells everything that is wrong with it; or describe what you want with submit_task and let Countersign's planner write the plan (get_task names it once there is one).
2. The answer has the plan's digest and a URL. Show both to a person and ask for their approval. Whether a plan is approved is for people to decide: call approve_plan, reject_plan, approve_step or reject_step only when a person has told you their decision on that plan and digest.
3. watch_plan waits until the plan has ended, needs a person, or time is up. Call it again with the \`after\` that it answered, until the plan has ended.
4. get_plan shows the plan, what became of each step, and why. A refused call says what was wrong and what would be right. A step whose input takes the output of another refers to it: {"text": "{{read.output.text}}"}.

Give submit_plan and submit_task an idempotencyKey, so that repeating a call whose answer was lost does nothing twice.`;
