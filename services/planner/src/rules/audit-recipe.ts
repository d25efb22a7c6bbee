/**
 * The recipe for "Audit this repository and write a report to audit.md": count the files by kind, find what was left
 * undone, and write it down. The report's own file is left out of all numbers, so that a second audit gives the same.
 */
import type { StepDraft } from '@countersign/shared';
import type { Recipe } from './recipe.ts';

/** The most that fs.list gives; the report says so when there is more. */
const MOST_FILES = 8_000;

/** Splits the list into the groups that are counted. A file is a test, or TypeScript, or neither. */
const SELECT_QUERY = String.raw`(
  $all := files[path != $$.report];
  $isTest := function($path) { $contains($path, /\.(test|spec)\.[A-Za-z]+$/) };
  {
    "all": [$all.path],
    "typescript": [$all[$contains(path, /\.[cm]?tsx?$/) and $not($isTest(path))].path],
    "tests": [$all[$isTest(path)].path],
    "markdown": [$all[$contains(path, /\.md$/)].path]
  }
)`;

/** Shares are percent of all lines, to one decimal. */
const SUMMARY_QUERY = `(
  $lines := all.lines;
  $report := report;
  $share := function($part) { $lines = 0 ? 0 : $round($part / $lines * 100, 1) };
  $group := function($name, $counts) {
    { "name": $name, "files": $counts.files, "lines": $counts.lines, "bytes": $counts.bytes, "share": $share($counts.lines) }
  };
  $byFile := function($matches) {
    ($matches ~> $count) = 0 ? [] : [$each($matches{ path: $count($) }, function($count, $path) { { "path": $path, "count": $count } })^(>count, path)][[0..9]]
  };
  $marksElsewhere := [marks.matches[path != $report]];
  $exportsElsewhere := [exports.matches[path != $report]];
  $folders := selected.all{ $contains($, "/") ? $substringBefore($, "/") & "/" : "(top level)": $count($) };
  {
    "groups": [
      $group("TypeScript", typescript),
      $group("Tests", tests),
      $group("Markdown", markdown)
    ],
    "extensions": [$each(all.byExtension, function($counts, $extension) { $merge([{ "extension": $extension, "share": $share($counts.lines) }, $counts]) })^(>lines, extension)][[0..9]],
    "folders": [$each($folders, function($files, $folder) { { "folder": $folder, "files": $files } })^(>files, folder)][[0..9]],
    "marks": {
      "total": marks.total - $count(marks.matches[path = $report]),
      "files": $marksElsewhere[0] ? [$byFile($marksElsewhere)] : [],
      "first": $marksElsewhere[0] ? [$marksElsewhere[[0..9]]] : []
    },
    "exports": {
      "total": exports.total - $count(exports.matches[path = $report]),
      "files": $exportsElsewhere[0] ? [$byFile($exportsElsewhere)] : []
    }
  }
)`;

const TEMPLATE = `# Audit of [% if root == '.' %]the whole workspace[% else %]\`[= root =]\`[% endif %]

[= all.files =] files, [= all.lines =] lines, [= all.bytes =] bytes. Files that .gitignore names are left out[% if report != '' %], and so is this report[% endif %]. Lines are counted as \`wc -l\` counts them.
[% if list.truncated %]
**There are [= list.total =] files; only the first [= all.files =] were looked at.**
[% endif %]
## By kind

| kind | files | lines | share of lines |
|---|---:|---:|---:|
[% for group in summary.groups %]| [= group.name =] | [= group.files =] | [= group.lines =] | [= group.share =] % |
[% endfor %]
"TypeScript" is without its tests; "Tests" are files called *.test.* or *.spec.*.

## By extension

| extension | files | lines | share of lines |
|---|---:|---:|---:|
[% for row in summary.extensions %]| [= row.extension =] | [= row.files =] | [= row.lines =] | [= row.share =] % |
[% endfor %]
## By folder

| folder | files |
|---|---:|
[% for row in summary.folders %]| [= row.folder =] | [= row.files =] |
[% endfor %]
## Largest files

| file | bytes | lines |
|---|---:|---:|
[% for file in all.largest %]| [= file.path =] | [= file.bytes =] | [= file.lines =] |
[% endfor %]
## Exported functions

[= summary.exports.total =] lines of TypeScript export a function. The files with the most:

[% for row in summary.exports.files %]- [= row.path =]: [= row.count =]
[% else %]None.
[% endfor %]
## Marks of unfinished work

[= summary.marks.total =] lines hold TODO, FIXME, XXX or HACK[% if summary.marks.total > 0 %]. The first:[% else %].[% endif %]

[% for mark in summary.marks.first %]- [= mark.path =], line [= mark.line =]: \`[= mark.text | strip | truncate: 120 | replace: '\`', "'" =]\`
[% endfor %]`;

const countStep = (id: string, what: string): StepDraft => ({
  id,
  tool: 'fs.stats',
  description: `Count ${what}: files, lines, bytes`,
  input: { files: `{{select.output.${id}}}` },
});

const STEPS: readonly StepDraft[] = [
  { id: 'list', tool: 'fs.list', description: 'List every file', input: { path: '<root>', maxFiles: MOST_FILES } },
  {
    id: 'marks',
    tool: 'fs.search',
    description: 'Find what was left undone: TODO, FIXME, XXX, HACK',
    input: { path: '<root>', query: String.raw`\b(TODO|FIXME|XXX|HACK)\b`, regex: true, maxMatches: 1_500 },
  },
  {
    id: 'exports',
    tool: 'fs.search',
    description: 'Find the exported functions of the TypeScript files',
    input: {
      path: '<root>',
      query: String.raw`^export (default )?(async )?function\b`,
      regex: true,
      pattern: '*.{ts,tsx,mts,cts}',
      maxMatches: 1_500,
    },
  },
  {
    id: 'select',
    tool: 'data.query',
    description: 'Sort the files into TypeScript, tests and Markdown',
    input: { query: SELECT_QUERY, data: { files: '{{list.output.files}}', report: '<report>' } },
  },
  countStep('all', 'everything'),
  countStep('typescript', 'the TypeScript sources without their tests'),
  countStep('tests', 'the tests'),
  countStep('markdown', 'the Markdown files'),
  {
    id: 'summary',
    tool: 'data.query',
    description: 'Work out shares and top lists from all counts and matches',
    input: {
      query: SUMMARY_QUERY,
      data: {
        all: '{{all.output}}',
        typescript: '{{typescript.output}}',
        tests: '{{tests.output}}',
        markdown: '{{markdown.output}}',
        marks: '{{marks.output}}',
        exports: '{{exports.output}}',
        selected: '{{select.output}}',
        report: '<report>',
      },
    },
  },
  {
    id: 'report',
    tool: 'template.render',
    description: 'Write the report as Markdown',
    input: {
      template: TEMPLATE,
      data: {
        root: '<root>',
        report: '<report>',
        list: { total: '{{list.output.total}}', truncated: '{{list.output.truncated}}' },
        all: '{{all.output}}',
        summary: '{{summary.output}}',
      },
    },
  },
];

const SAVE_STEPS: readonly StepDraft[] = [
  {
    id: 'save',
    tool: 'fs.write',
    description: 'Save the report as <report>, in place of an older one',
    input: { path: '<report>', text: '{{report.output.text}}', overwrite: true },
  },
  { id: 'check', tool: 'fs.read', description: 'Read the file again, to see that it is there', input: { path: '{{save.output.path}}' } },
];

const TARGET = String.raw`(?:(?:(?:this|the|our|my|whole|entire|current|all of) ?)*(?:repository|repo|project|code ?base|workspace)|(?:the )?(?:(?:folder|directory|package) )?(?<root>"[^"]+"|'[^']+'|(?=[\w@.-]*(?:\/|\.\w))[\w@./-]+(?<=[\w/])|\.))`;
const FILE = String.raw`(?:the file )?(?<report>"[^"]+"|'[^']+'|[\w@./-]+\.\w+)`;
const AUDIT = '(?:please )?(?:audit|inspect|review|analy[sz]e|examine)';
const INTO_FILE = `(?:write|save|put|create|produce|make|store|generate) (?:(?:a|an|the|your|its|it|them|short|full|markdown|audit|report|findings|results?|summary|of it|about it) ?)+ ?(?:to|in|into|as|at|called|named) ${FILE}`;
const whole = (pattern: string): RegExp => new RegExp(`^${pattern}[.!]?$`, 'i');

const DESCRIPTION =
  'A recipe of the rules planner, written beforehand and not by a language model: it lists the files, counts them by kind, searches them for what was left undone and for exported functions, and joins the numbers in a report.';

/** With a file to write; two forms of words. */
export const AUDIT_TO_FILE_RECIPE: Recipe = {
  name: 'audit with a report in a file',
  description: `${DESCRIPTION} It writes one file, <report>, and reads it again.`,
  phrases: [
    whole(`${AUDIT} ${TARGET}(?:,|;|\\.)? (?:and then |then |and )?${INTO_FILE}`),
    whole(
      `(?:please )?(?:write|create|produce|make|generate) an? (?:short |full )?(?:audit|audit report|report) (?:of|on|about) ${TARGET} (?:to|in|into|as) ${FILE}`,
    ),
  ],
  defaults: { root: '.' },
  steps: [...STEPS, ...SAVE_STEPS],
};

/** Without one: nothing is written, the report is the last step's output. */
export const AUDIT_RECIPE: Recipe = {
  name: 'audit',
  description: `${DESCRIPTION} It writes no file: the report is the output of the last step.`,
  phrases: [
    whole(`${AUDIT} ${TARGET}(?:,? (?:and|then|and then) (?:write|give|show|make) (?:me )?an? (?:short |full )?(?:report|summary))?`),
  ],
  defaults: { root: '.', report: '' },
  steps: STEPS,
};
