/** The documentation as one page without scripts, made from the OpenAPI document. */
import { createHash } from 'node:crypto';
import { ERRORS, type ErrorCode } from '@countersign/shared';
import { titleOf } from './answer.ts';
import type { OpenapiDocument } from './openapi.ts';

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #2563eb; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
nav ul { columns: 2; padding-left: 1rem; } a { color: var(--accent); }
article { border: 1px solid var(--line); border-radius: .5rem; margin: 1rem 0; padding: .25rem 1rem; }
h3 code { font-size: 1rem; } .method { font-weight: 700; }
pre { background: var(--soft); border-radius: .25rem; overflow: auto; padding: .75rem; max-height: 24rem; font-size: .85rem; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; } td, th { border: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
@media (max-width: 40rem) { nav ul { columns: 1; } }
`;

const HTML: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => HTML[character] ?? character);
/** Text in which backticks mark code. */
const prose = (text: string): string =>
  escapeHtml(text)
    .replaceAll(/`([^`]+)`/g, '<code>$1</code>')
    .replaceAll('\n\n', '<br>');
const block = (value: unknown): string =>
  `<pre><code>${escapeHtml(typeof value === 'string' ? value : JSON.stringify(value, null, 2))}</code></pre>`;

interface Media {
  schema: object;
  example?: unknown;
}
interface OperationObject {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  'x-roles': readonly string[];
  parameters?: { name?: string; in?: string; description?: string; schema?: object; $ref?: string }[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { description: string; content?: Record<string, Media> }>;
}

/** The name at the end of a `$ref`, linked; other schemas as they are. */
function schemaHtml(schema: object): string {
  const name = '$ref' in schema && typeof schema.$ref === 'string' ? schema.$ref.split('/').at(-1) : undefined;
  return name === undefined ? block(schema) : `<p>Schema: <a href="#schema-${escapeHtml(name)}">${escapeHtml(name)}</a></p>`;
}

const mediaHtml = (content: Record<string, Media>): string =>
  Object.entries(content)
    .map(
      ([type, { schema, example }]) =>
        `<p><code>${escapeHtml(type)}</code></p>${example === undefined ? '' : block(example)}<details><summary>Schema</summary>${schemaHtml(schema)}</details>`,
    )
    .join('');

function operationHtml(path: string, method: string, operation: OperationObject): string {
  const roles = operation['x-roles'];
  const parameters = (operation.parameters ?? []).filter(({ name }) => name !== undefined);
  const rows = parameters.map(
    ({ name = '', in: place = '', description = '', schema }) =>
      `<tr><td><code>${escapeHtml(name)}</code></td><td>${escapeHtml(place)}</td><td>${prose(description)}</td><td><code>${escapeHtml(JSON.stringify(schema))}</code></td></tr>`,
  );
  const answers = Object.entries(operation.responses).map(([status, { description, content }]) => {
    const succeeded = Number(status) < 400;
    return `<h4>${escapeHtml(status)}</h4><p>${prose(description)}</p>${succeeded && content !== undefined ? mediaHtml(content) : ''}`;
  });
  return `<article id="${escapeHtml(operation.operationId)}">
<h3><span class="method">${escapeHtml(method.toUpperCase())}</span> <code>${escapeHtml(path)}</code></h3>
<p><strong>${prose(operation.summary)}.</strong> ${prose(operation.description ?? '')}</p>
<p>${roles.length === 0 ? 'Needs no key.' : `Roles: ${roles.map((role) => `<code>${escapeHtml(role)}</code>`).join(', ')}.`}</p>
${rows.length === 0 ? '' : `<table><tr><th>Parameter</th><th>In</th><th>Meaning</th><th>Schema</th></tr>${rows.join('')}</table>`}
${operation.requestBody === undefined ? '' : `<h4>Body</h4>${mediaHtml(operation.requestBody.content)}`}
${answers.join('\n')}
</article>`;
}

const errorRows = (): string =>
  (Object.keys(ERRORS) as ErrorCode[])
    .map((code) => {
      const { status, meaning, retryable } = ERRORS[code];
      return `<tr id="error-${code}"><td><code>${code}</code></td><td>${status}</td><td>${escapeHtml(titleOf(code))}</td><td>${prose(meaning)}</td><td>${retryable ? 'yes' : 'no'}</td></tr>`;
    })
    .join('\n');

/** The page, and the policy under which a browser may show it: its own style and nothing else. */
export function docsPage(document: OpenapiDocument): { html: string; contentSecurityPolicy: string } {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation: operation as OperationObject })),
  );
  const links = operations.map(
    ({ path, method, operation }) =>
      `<li><a href="#${escapeHtml(operation.operationId)}">${escapeHtml(method.toUpperCase())} ${escapeHtml(path)}</a></li>`,
  );
  const sections = document.tags.map(({ name, description }) => {
    const own = operations.filter(({ operation }) => operation.tags.includes(name));
    return `<h2>${escapeHtml(name)}</h2><p>${prose(description)}</p>${own.map(({ path, method, operation }) => operationHtml(path, method, operation)).join('\n')}`;
  });
  const schemas = Object.entries(document.components.schemas).map(
    ([name, schema]) => `<details id="schema-${escapeHtml(name)}"><summary>${escapeHtml(name)}</summary>${block(schema)}</details>`,
  );
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(document.info.title)} API</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(document.info.title)} API</h1>
<p>${prose(document.info.description)} The same as data: <a href="/openapi.json">/openapi.json</a>.</p>
<nav><ul>${links.join('\n')}</ul></nav>
${sections.join('\n')}
<h2 id="errors">Errors</h2>
<p>Every error is <code>application/problem+json</code> (RFC 9457) with one of these words as <code>code</code>.</p>
<table><tr><th>Code</th><th>Status</th><th>Title</th><th>Meaning</th><th>Worth trying again</th></tr>
${errorRows()}
</table>
<h2 id="schemas">Schemas</h2>
${schemas.join('\n')}
</body>
</html>
`;
  const styleHash = createHash('sha256').update(STYLE, 'utf8').digest('base64');
  return {
    html,
    contentSecurityPolicy: `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  };
}
