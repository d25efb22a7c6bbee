/** The templates of the project, and what docs/templates.md says of them. */
import { readFileSync } from 'node:fs';
import { isObject, type ToolContract, validatePlan } from '@countersign/shared';
import { loadTools } from '@countersign/tools';
import { expect, it } from 'vitest';
import { codeBlocks, pathFromRoot, readPage, sectionOf, tableRows } from '../../../../test/docs/pages.ts';
import { loadTemplates } from './load-templates.ts';

const page = readPage('docs/templates.md');
const templates = await loadTemplates(pathFromRoot('templates'));

it('each can be carried out by the tools that a fresh install has', async () => {
  const { tools } = await loadTools({ workspaceRoot: import.meta.dirname });
  const contracts = new Map<string, ToolContract>([...tools].map(([name, { contract }]) => [name, contract]));
  for (const { template } of templates.values()) {
    const { objective, steps, options, parameters } = template;
    expect(validatePlan({ objective, steps, options }, { tools: contracts, inputSchema: parameters }).issues, template.name).toEqual([]);
  }
});

it('the page has each with its parameters and their defaults', () => {
  const rows = [...templates.values()].map(({ template: { name, parameters } }) => {
    const required = Array.isArray(parameters.required) ? parameters.required : [];
    const properties = Object.entries(isObject(parameters.properties) ? parameters.properties : {});
    const others = properties.filter(([parameter]) => !required.includes(parameter));
    const shown = others.map(([parameter, schema]) => `\`${parameter}\` (\`${JSON.stringify(isObject(schema) ? schema.default : null)}\`)`);
    return [name, required.join(', '), shown.join(', ')];
  });
  expect(tableRows(page)).toEqual(rows);
});

it('the page shows one to the letter', () => {
  expect(codeBlocks(sectionOf(page, '## A template'), 'yaml')).toEqual([
    readFileSync(pathFromRoot('templates/record-decision.yaml'), 'utf8'),
  ]);
});

it('the inputs that the page sends are right or wrong as it says', () => {
  const bodies = codeBlocks(sectionOf(page, '## Using it'), 'sh').flatMap((block) =>
    [...block.matchAll(/v1\/tasks .*-d '([^']*)'/gs)].map(([, text = '']) => JSON.parse(text) as { template: string; input: object }),
  );
  const [right, wrong] = bodies.map(({ template, input }) => templates.get(template)?.parameters.issues(structuredClone(input), 'input'));
  expect(right).toEqual([]);
  const shown = [...page.matchAll(/\{"path":"([^"]*)","code":"([a-z_]*)","message":"([^"]*)"\}/g)].map(([, path, code, message]) => ({
    path,
    code,
    message,
  }));
  expect(wrong).toEqual(shown);
});
