import { rmSync } from 'node:fs';

/**
 * Removes a folder of processes that have just ended. What they started can still write there for a moment, like the child
 * that a killed Redis had made to rewrite its append-only file.
 */
export const removeFolder = (path: string): void => rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
