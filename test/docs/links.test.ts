import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { allPages, pathFromRoot, readPage } from './pages.ts';

const withoutCode = (text: string): string => text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, 'x');

/** The anchor of a heading, as Git hosts make it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
const anchorsOf = (path: string): string[] => [...readPage(path).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));

test('every link of the pages leads to something that is there', () => {
  const broken = allPages().flatMap((page) =>
    [...withoutCode(readPage(page)).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      if (/^https?:/.test(link)) return [];
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? page : join(dirname(page), file);
      const there = existsSync(pathFromRoot(target)) && (anchor === undefined || anchorsOf(target).includes(anchor));
      return there ? [] : [`${page}: ${link}`];
    }),
  );
  expect(broken).toEqual([]);
});

test('the index of decisions names every one of them', () => {
  const index = readPage('docs/adr/README.md');
  const missing = allPages().filter(
    (page) => page.startsWith('docs/adr/') && !page.endsWith('README.md') && !index.includes(`(${page.slice('docs/adr/'.length)})`),
  );
  expect(missing).toEqual([]);
});
