/** What a request gathers on its way; the access log reads it. */
import type { Logger, LogIds } from '@countersign/service';
import type { Actor } from '@countersign/shared';
import type { Response } from 'express';

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
