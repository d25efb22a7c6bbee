/** Whether a Docker engine answers on this machine. */
import { get } from 'node:http';

const DEFAULT_SOCKET = '/var/run/docker.sock';
const PING_LIMIT_MS = 2_000;

/** Pings the engine that DOCKER_HOST names (unix:// or tcp://), or the usual socket. False when there is no answer. */
export function dockerAnswers(dockerHost: string | undefined = process.env.DOCKER_HOST): Promise<boolean> {
  const url = new URL(dockerHost ? dockerHost : `unix://${DEFAULT_SOCKET}`);
  const target =
    url.protocol === 'unix:'
      ? { socketPath: url.pathname, path: '/_ping' }
      : { host: url.hostname, port: url.port || '2375', path: '/_ping' };
  return new Promise((resolve) => {
    const request = get({ ...target, timeout: PING_LIMIT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}
