/** The dashboard behind the API's door: operators look, and administrators act on jobs where that is switched on. */
import type { Logger } from '@countersign/service';
import type { Actor } from '@countersign/shared';
import express, { type Request, type RequestHandler, type Response, type Router } from 'express';
import type { Admit } from './admission.ts';
import { type ProblemAnswer, problem, withHeaders } from './answer.ts';
import { DASHBOARD_PATH, type Dashboard, dashboard, type Queue } from './dashboard.ts';
import { refuseLook } from './dashboard-query.ts';
import { type JobAction, jobAction } from './job-action.ts';
import { notesOf } from './request-notes.ts';
import { isFromOwnPage } from './same-origin.ts';
import { dashboardHeaders } from './security-headers.ts';
import { send } from './send.ts';

export interface DashboardOptions {
  admit: Admit;
  /** the queues to show, asked for with every request; rejects where the store is away */
  queues(): Promise<readonly Queue[]>;
  /** whether administrators may act on jobs */
  writable: boolean;
  logger: Logger;
}

const refuse = (answer: ProblemAnswer): { ok: false; answer: ProblemAnswer } => ({ ok: false, answer });

/** Lets an administrator act, from a page of ours only. */
async function admitAction(admit: Admit, request: Request, { response, action }: { response: Response; action: JobAction }) {
  // Before anybody is identified: a browser says who its person is, whatever page had it ask.
  if (!isFromOwnPage(request.headers))
    return refuse(problem('forbidden', 'the dashboard takes this from its own pages only, which Sec-Fetch-Site or Origin must say'));
  const admitted = await admit(request, response, { access: 'administer', fromOwnPage: true });
  if (admitted.ok) notesOf(response).log.warn({ actor: admitted.actor.id, ...action }, 'jobs were acted on by hand on the dashboard');
  return admitted;
}

/** Lets an operator look. */
async function admitLook(admit: Admit, request: Request, { response }: { response: Response }) {
  const admitted = await admit(request, response, { access: 'operate' });
  if (!admitted.ok || request.method === 'GET' || request.method === 'HEAD') return admitted;
  const answer = problem('method_not_allowed', 'the dashboard only shows this; act on plans through the API');
  return refuse(withHeaders(answer, { Allow: 'GET, HEAD' }));
}

/** To be mounted at DASHBOARD_PATH. */
export function dashboardRouter({ admit, queues, writable, logger }: DashboardOptions): Router {
  const made = new Map<boolean, Promise<Dashboard>>();
  /** Buttons are for those who may press them. */
  const boardFor = ({ roles }: Actor): Promise<Dashboard> => {
    const withButtons = writable && roles.includes('admin');
    const board = made.get(withButtons) ?? dashboard({ writable: withButtons, logger });
    made.set(withButtons, board);
    return board;
  };
  const boardOf = (response: Response): Dashboard => response.locals.board as Dashboard;

  const admits: RequestHandler = async (request, response, next) => {
    notesOf(response).route = DASHBOARD_PATH;
    const action = writable ? jobAction(request.method, request.path) : null;
    const admitted =
      action === null ? await admitLook(admit, request, { response }) : await admitAction(admit, request, { response, action });
    if (!admitted.ok) return send(request, response, admitted.answer);
    response.locals.board = await boardFor(admitted.actor);
    next();
  };
  // What the dashboard reads, it reads past the store's commands; without Redis it would answer errors of its own.
  const showQueues: RequestHandler = async (request, response, next) => {
    const refusal = refuseLook(request.query);
    if (refusal !== null) return send(request, response, refusal);
    boardOf(response).show(await queues());
    next();
  };
  const router = express.Router();
  router.use(admits);
  router.use('/api', showQueues);
  router.use(dashboardHeaders(), (request, response, next) => boardOf(response).router(request, response, next));
  return router;
}
