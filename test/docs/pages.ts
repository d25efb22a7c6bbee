/** The project's pages, to be read by tests. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export const pathFromRoot = (path: string): string => join(ROOT, path);
export const readPage = (path: string): string => readFileSync(pathFromRoot(path), 'utf8');

/** README.md, SECURITY.md and every Markdown file below docs/, as paths from the root. */
export const allPages = (): string[] => [
  'README.md',
  'SECURITY.md',
  ...readdirSync(pathFromRoot('docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
    .sort(),
];

/** What stands between a heading and the next one of the same or a higher level. Throws when there is no such heading. */
export function sectionOf(page: string, heading: string): string {
  const ends = new RegExp(`^#{1,${heading.indexOf(' ')}} `);
  const lines = page.split('\n');
  const start = lines.indexOf(heading);
  if (start === -1) throw new Error(`the page has no heading "${heading}"`);
  const section: string[] = [];
  let fenced = false;
  for (const line of lines.slice(start + 1)) {
    if (line.startsWith('```')) fenced = !fenced;
    if (!fenced && ends.test(line)) break;
    section.push(line);
  }
  return section.join('\n');
}

/** The rows of a section's first table as cells without their backticks; the heading row is left out. */
export function tableRows(section: string): string[][] {
  const lines = section.split('\n');
  const start = lines.findIndex((line) => line.startsWith('|'));
  const table = start === -1 ? [] : lines.slice(start);
  const end = table.findIndex((line) => !line.startsWith('|'));
  return table.slice(2, end === -1 ? undefined : end).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1')),
  );
}

/** The contents of a section's fenced blocks in that language. */
export const codeBlocks = (section: string, language: string): string[] =>
  [...section.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, text]) => text ?? '');
