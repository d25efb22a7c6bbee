/** The dashboard and the alert rules, and which metrics their expressions name. */
import { readDocument } from '@countersign/service';
import { readPage } from '../docs/pages.ts';

export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  datasource?: { type: string; uid: string };
  targets?: { expr: string; refId: string }[];
}

export interface Dashboard {
  uid: string;
  title: string;
  schemaVersion: number;
  templating: { list: { name: string; type: string; query: unknown; definition?: string }[] };
  panels: Panel[];
}

export interface AlertRule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; description: string };
}

export const ALERTS_FILE = 'deploy/prometheus/alerts.yml';

export const readDashboard = (): Dashboard => JSON.parse(readPage('deploy/grafana/countersign.json')) as Dashboard;

export function readYaml(path: string): unknown {
  const reading = readDocument(readPage(path), 'yaml');
  if (!reading.ok) throw new Error(`${path}: ${JSON.stringify(reading.problems)}`);
  return reading.document.value;
}

export const readAlerts = (): AlertRule[] =>
  (readYaml(ALERTS_FILE) as { groups: { rules: AlertRule[] }[] }).groups.flatMap(({ rules }) => rules);

const WORDS = new Set([
  'and',
  'or',
  'unless',
  'offset',
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'bool',
  'inf',
  'nan',
]);

/** The series that an expression of PromQL reads: its names, but for labels, functions and words of the language. */
export function seriesIn(expression: string): string[] {
  const bare = expression
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
    .replaceAll(/\{[^}]*\}/g, ' ')
    .replaceAll(/\[[^\]]*\]/g, ' ')
    .replaceAll(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
    .replaceAll(/\boffset\s+\w+/g, ' ');
  const names = [...bare.matchAll(/(?<![\w$.])([a-zA-Z_:][\w:]*)(?!\s*\()(?![\w:])/g)].flatMap(([, name]) => name ?? []);
  return [...new Set(names.filter((name) => !WORDS.has(name)))];
}

/** Every series that the dashboard and the alerts read. `up` is Prometheus's own. */
export function seriesWatched(): string[] {
  const expressions = [
    ...readDashboard().panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...readDashboard().templating.list.flatMap(({ definition }) => /label_values\(([^,]+),/.exec(definition ?? '')?.[1] ?? []),
    ...readAlerts().map(({ expr }) => expr),
  ];
  return [...new Set(expressions.flatMap(seriesIn))].filter((name) => name !== 'up').sort();
}
