/** What browsers are told about answers: nothing of them runs, is framed or is read by other sites. */
import type { RequestHandler } from 'express';
import helmet from 'helmet';

const OTHER_HEADERS = {
  // Which sites are HTTPS only is for whoever ends TLS to say.
  strictTransportSecurity: false,
  referrerPolicy: { policy: 'no-referrer' },
  xFrameOptions: { action: 'deny' },
} as const;

export const apiHeaders = (): RequestHandler =>
  helmet({
    ...OTHER_HEADERS,
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] },
    },
  });

/** The dashboard brings scripts, styles and icons of its own; from elsewhere it gets nothing. */
export const dashboardHeaders = (): RequestHandler =>
  helmet({
    ...OTHER_HEADERS,
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        baseUri: ["'self'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
  });
