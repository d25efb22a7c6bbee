/** Limits that hold everywhere. Bytes are UTF-8 bytes of JSON text. */
export const LIMITS = {
  /** steps in a plan */
  steps: 10_000,
  /** bytes of all inputs of a plan together */
  inputBytes: 1_000_000,
  /** bytes of a request body */
  bodyBytes: 4_000_000,
  /** nesting of JSON in a request */
  jsonDepth: 64,
  /** values in a request's JSON, of all kinds together: what it takes of memory is many times what it has of bytes */
  jsonValues: 500_000,
  /** elements of a forEach, where the step's maxItems says nothing else */
  forEachItems: 10_000,
  /** bytes of one step's output */
  outputBytes: 1_000_000,
  /** characters of an objective */
  objectiveLength: 10_000,
  /** characters of a description, a comment, a reason */
  textLength: 10_000,
  /** a step that takes its executor down with it is given up after this many */
  crashes: 10,
  /** a task that takes its planner down with it is given up after this many */
  planningTakeovers: 5,
  /** endpoints of webhooks */
  webhooks: 50,
  /** characters of an endpoint's URL */
  urlLength: 2_048,
} as const;
