/** What a redirect makes of a request. */

export interface HttpCall {
  url: URL;
  method: string;
  headers: Headers;
  body: string | undefined;
}

/** Harmless everywhere. Every other header may hold a secret that is meant for the first origin alone. */
const HEADERS_FOR_ANYONE: readonly string[] = ['accept', 'accept-language', 'content-type', 'user-agent'];

export const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status);

/** The call that follows a redirect; a text says why it is not followed. */
export function redirectedCall(call: HttpCall, status: number, location: string): HttpCall | string {
  if (!URL.canParse(location, call.url.href)) return `redirects to ${JSON.stringify(location.slice(0, 200))}, which is no URL`;
  const url = new URL(location, call.url);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return `redirects to ${url.protocol}, and only http: and https: are followed`;
  if (url.username !== '' || url.password !== '') return 'redirects to a URL with a user and a password, which is not followed';
  const headers = new Headers(call.headers);
  if (url.origin !== call.url.origin) {
    for (const name of [...headers.keys()]) if (!HEADERS_FOR_ANYONE.includes(name)) headers.delete(name);
  }
  const toGet = (status === 303 && call.method !== 'HEAD') || (status < 303 && call.method === 'POST');
  if (!toGet) return { ...call, url, headers };
  headers.delete('content-type');
  return { url, headers, method: 'GET', body: undefined };
}
