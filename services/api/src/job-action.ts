/** What can be done to jobs on the dashboard. Whatever else it knows (adding, emptying, obliterating, ...) is kept out. */
const ACTIONS = [
  /^\/api\/queues\/([^/]+)\/([^/]+)\/(retry|promote|clean)$/,
  /^\/api\/queues\/([^/]+)()\/(promote)$/,
  /^\/api\/queues\/([^/]+)()\/(retry|clean)\/([a-z-]+)$/,
];

export interface JobAction {
  queue: string;
  /** '' for all jobs of a queue */
  job: string;
  action: string;
  status?: string | undefined;
}

/** The action that a path below the dashboard's own asks for; null where there is none. */
export function jobAction(method: string, path: string): JobAction | null {
  if (method !== 'PUT') return null;
  for (const pattern of ACTIONS) {
    const [, queue, job, action, status] = pattern.exec(path) ?? [];
    if (queue !== undefined && job !== undefined && action !== undefined) return { queue, job, action, status };
  }
  return null;
}
