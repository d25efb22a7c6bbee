/**
 * undici as tools use it, with agents of their own. The `fetch` of Node, which model clients and identity providers are
 * asked with, keeps Node's: this one can end the process (see unpaused-responses.ts).
 */
import './node-fetch-first.ts';

export { Agent, buildConnector, type Dispatcher, fetch, type Response, request } from 'undici';
