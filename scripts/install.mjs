// Installs what is missing or has changed, and nothing otherwise.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runQuietly } from './run-quietly.mjs';

const WORKSPACE_FOLDERS = ['packages', 'services'];
const FILES = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', '.npmrc', 'test/package.json'];

/** Everything that decides what an installation holds; the folder too, because links in node_modules are absolute for some tools. */
function fingerprint(root) {
  const manifests = WORKSPACE_FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => join(folder, name, 'package.json')),
  );
  const hash = createHash('sha256').update(`${root}\n${process.platform} ${process.arch}\n`);
  for (const file of [...FILES, ...manifests].sort())
    if (existsSync(join(root, file))) hash.update(`${file}\n`).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

/** Installs the packages of the lockfile unless that was done before. Throws when it fails. */
export async function installIfNeeded(root) {
  const stamp = join(root, 'node_modules', '.countersign-installed');
  const wanted = fingerprint(root);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  console.error('Installing packages...');
  await runQuietly('npx', ['--yes', packageManager, 'install', '--frozen-lockfile'], {
    cwd: root,
    log: 'install.log',
    // CI: never ask whether an older node_modules may be replaced.
    env: { CI: 'true' },
  });
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(stamp, fingerprint(root));
}
