/** What a request gathers on its way; the access log reads it. */
import { type Logger, type LogIds, nameRequest } from '@countersign/service';
import type { Actor } from '@countersign/shared';
import type { Request, Response } from 'express';

export interface RequestNotes {
  log: Logger;
  actor?: Actor;
  route?: string;
  /** what it was about */
  ids?: LogIds;
  /** the MCP tools that it called */
  tools?: string[];
}

export const notesOf = (response: Response): RequestNotes => response.locals.notes as RequestNotes;

/** Says which route it takes, for the log, the metrics and traces. */
export function takesRoute({ method }: Request, response: Response, route: string): void {
  notesOf(response).route = route;
  nameRequest(method, route);
}
