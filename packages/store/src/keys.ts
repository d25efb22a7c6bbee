/**
 * Every key of the store. Those of a shard share one hash tag, so that one script may touch them on a cluster. Each shard
 * has a set of its own; what belongs to no task or plan lies in the home shard, {cs0}, alone.
 *
 * Under `{cs0}:`, `{cs1}:`, ... (w: written by, life: how long it lives):
 *   task:<id>              hash    w: task commands            life: until retention removes it with its plan, or by itself where it has none; its field `trace`, where there is one, says
 *                                                           where its creation stands in a trace
 *   layout                 hash    w: prepare, migrations      for good: the number of the layout, and who brought it there; how far
 *                                                           a migration under way is
 *   layout:lock            string  w: whoever migrates         while it does; 15 s after it was killed
 *   store                  string  w: prepare                  for good, nobody deletes it: a random text by which processes know that this is the store
 *                                                           they began with, and not an emptied or another Redis
 *   task:<id>:rounds       list    w: record-round             with its task
 *   task:<id>:events       stream  w: task commands            with its task
 *   tasks, tasks:<status>  zset    w: task commands            entries go with their task
 *   plan:<id>              hash    w: plan and step commands   life: until delete-plan, by hand or by retention; the decision of policy about the current revision is in it,
 *                                                           and `trace` as in a task
 *   plan:<id>:rev:<n>      hash    w: create-plan, revise-plan, never again until delete-plan
 *   plan:<id>:graph:<n>    hash    w: create-plan, revise-plan  until the next revision, or delete-plan
 *   plan:<id>:steps        hash    w: step commands            until delete-plan; '@' the plan's state, '=' the revision that was approved, the steps' states, and output:, error:,
 *                                                           input:, progress: and the step; lua/lib/steps.lua has all
 *   plan:<id>:waits        hash    w: create-plan, settle, reopen   until the last step is decided, or the plan stops, is rejected or expires
 *   plan:<id>:ready        zset    w: admit                    while steps wait for the cap
 *   plan:<id>:votes        list    w: approve-plan             until the next revision or another policy's decision, or delete-plan
 *   plan:<id>:events       stream  w: every plan and step command   until delete-plan; never trimmed, it is the record
 *   plans, plans:<status>  zset    w: plan commands            entries go with their plan
 *   plans:ended            zset    w: plan commands            an id and when it ended (ms); goes when it is opened again or deleted
 *   tasks:ended            zset    w: task commands, delete-plan   the same of tasks without a plan; goes with the task
 *   plan:<id>:rounds       list    w: record-request-round     until the plan asks something else of the planner, or delete-plan
 *   plan:<id>:review       hash    w: record-review            until the next revision, or delete-plan
 *   plans:asking           zset    w: plan and planner commands   while a plan asks something of the planner
 *   approvals              zset    w: plan and step commands   while a plan (<id>) or a gate (<id>:<step>) waits for people
 *   due                    zset    w: plan and step commands   <what>:<id> and the time at which a clock does it; until then, or until
 *                                                           the plan or step has moved on
 *   events                 stream  w: every command            capped at about 10,000 entries, by reference
 *   totals                 hash    w: every command            for good: how many events of each type were appended, as in `events`
 *   idem:<hash>            hash    w: commands of people, save-answer   24 hours; a minute for calls without an Idempotency-Key. In the home shard it may
 *                                                           instead name the shard that the call was carried out in: w: claim-call
 *   reconcile              hash    w: the reconciler           for good: where its next sweep of each index goes on
 *   hooks                  stream  w: every command            until the duty `webhooks` has made deliveries of an entry; 100,000 at the most
 *   hooks:wanted           string  w: commands on webhooks     the types of events that enabled webhooks want; while none does it is not there
 *   hooks:lost             string  w: every command            until the duty has told of it: how many events found the outbox full
 *   hooks:version          string  w: commands on webhooks     for good: which state of the wanted types this shard has
 *   nothing                        never there: let-through deletes it, so that a command's first write needs no memory
 * In the home shard alone:
 *   shards                 string  w: the API at start         for good: the highest number of shards that it ever created plans in
 *   tools                  hash    w: announce                 a contract stays until an executor announces another of its name or loses the tool while it runs,
 *                                                           or none has announced it for a week
 *   conditions             set     w: announce                 the names of conditions in code, until none has announced one for a week
 *   announced              zset    w: announce                 `tool:`, `condition:`, `queue:` and a name, and when an executor last announced it (ms); goes with it
 *   policy                 string  w: the API, every 2 s       for good: the version of the policy that it has
 *   key:<id>               hash    w: create-key, revoke-key, note-key-use   30 days longer than the API key is good for
 *   keys                   zset    w: create-key              an entry goes within the hour after its key, or when somebody lists keys
 *   rate:<name>:<who>      string  w: rate-limiter-flexible   until its window of counting ends, seconds to hours
 *   webhooks               zset    w: create-, delete-webhook  an entry goes with its webhook
 *   webhook:<id>           hash    w: commands on webhooks, record-delivery   until delete-webhook; holds the secrets
 *   webhook:<id>:delivery:<id>     hash   w: commands on deliveries   until it is older than the last 1,000 that have ended, or delete-webhook
 *   webhook:<id>:deliveries, webhook:<id>:deliveries:<status>   zset   w: commands on deliveries   entries go with their delivery
 *   webhook:<id>:waiting   list    w: commands on deliveries   while deliveries wait for a place
 *   webhook:<id>:places    set     w: commands on deliveries   while executors have deliveries, or are about to get them
 *   webhook:<id>:jobs      zset    w: commands on deliveries   while deliveries have a job
 * In each shard again, but for the queues `maintenance` and `webhooks`, which are the home shard's:
 *   bull:<queue>:*                 w: BullMQ, and its own scripts inside ours   jobs until they are finished, and then the last RETENTION_FINISHED_JOBS completed and
 *                                                           failed ones; BullMQ's events of a queue: about 10,000 entries. A queue of tools goes when no executor has announced it for a week
 * Channel halt: a plan's running steps are to abort.
 */
export interface Keys {
  prefix: string;
  bullPrefix: string;
  layout: string;
  layoutLock: string;
  /** the identity of what lies in this shard */
  store: string;
  task(id: string): string;
  tasks(status?: string): string;
  plan(id: string): string;
  planSteps(id: string): string;
  planEvents(id: string): string;
  planRevision(id: string, revision: number | string): string;
  taskEvents(id: string): string;
  plans(status?: string): string;
  /** plans by the time at which they ended */
  plansEnded: string;
  tasksEnded: string;
  /** plans that ask something of the planner */
  plansAsking: string;
  approvals: string;
  due: string;
  idempotency(hash: string): string;
  reconcile: string;
  totals: string;
  shards: string;
  tools: string;
  conditions: string;
  /** what executors have announced, by when one last did */
  announced: string;
  policy: string;
  /** the outbox of webhooks */
  hooks: string;
  hooksWanted: string;
  hooksVersion: string;
  hooksLost: string;
  webhooks: string;
  webhook(id: string): string;
  delivery(webhookId: string, id: string): string;
  deliveries(webhookId: string, status?: string): string;
  apiKey(id: string): string;
  apiKeys: string;
  rate: string;
  haltChannel: string;
}

/** The word before a shard's number in its hash tag. */
export const DEFAULT_TAG = 'cs';
/** The shard of what belongs to no task or plan. */
export const HOME_SHARD = 0;

export const prefixOf = (tag: string, shard: number): string => `{${tag}${shard}}`;

export function keysOf(prefix: string): Keys {
  return {
    prefix,
    bullPrefix: `${prefix}:bull`,
    task: (id) => `${prefix}:task:${id}`,
    tasks: (status) => (status === undefined ? `${prefix}:tasks` : `${prefix}:tasks:${status}`),
    plan: (id) => `${prefix}:plan:${id}`,
    planSteps: (id) => `${prefix}:plan:${id}:steps`,
    planEvents: (id) => `${prefix}:plan:${id}:events`,
    planRevision: (id, revision) => `${prefix}:plan:${id}:rev:${revision}`,
    taskEvents: (id) => `${prefix}:task:${id}:events`,
    plans: (status) => (status === undefined ? `${prefix}:plans` : `${prefix}:plans:${status}`),
    layout: `${prefix}:layout`,
    layoutLock: `${prefix}:layout:lock`,
    store: `${prefix}:store`,
    plansEnded: `${prefix}:plans:ended`,
    tasksEnded: `${prefix}:tasks:ended`,
    plansAsking: `${prefix}:plans:asking`,
    approvals: `${prefix}:approvals`,
    due: `${prefix}:due`,
    idempotency: (hash) => `${prefix}:idem:${hash}`,
    reconcile: `${prefix}:reconcile`,
    totals: `${prefix}:totals`,
    shards: `${prefix}:shards`,
    tools: `${prefix}:tools`,
    conditions: `${prefix}:conditions`,
    announced: `${prefix}:announced`,
    policy: `${prefix}:policy`,
    hooks: `${prefix}:hooks`,
    hooksWanted: `${prefix}:hooks:wanted`,
    hooksVersion: `${prefix}:hooks:version`,
    hooksLost: `${prefix}:hooks:lost`,
    webhooks: `${prefix}:webhooks`,
    webhook: (id) => `${prefix}:webhook:${id}`,
    delivery: (webhookId, id) => `${prefix}:webhook:${webhookId}:delivery:${id}`,
    deliveries: (webhookId, status) => `${prefix}:webhook:${webhookId}:deliveries${status === undefined ? '' : `:${status}`}`,
    apiKey: (id) => `${prefix}:key:${id}`,
    apiKeys: `${prefix}:keys`,
    rate: `${prefix}:rate`,
    haltChannel: `${prefix}:halt`,
  };
}
