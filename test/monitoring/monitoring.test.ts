/** The files for Prometheus and Grafana: whether they are what these tools take, and say what to do. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { pathFromRoot, readPage, sectionOf, tableRows } from '../docs/pages.ts';
import { ALERTS_FILE, readAlerts, readDashboard, readYaml, seriesIn } from './monitoring-files.ts';

/** the dashboard's variable, in Grafana's notation */
const DATA_SOURCE = ['$', '{datasource}'].join('');

const promtool = (...args: string[]) => spawnSync('promtool', args, { encoding: 'utf8' });
const hasPromtool = promtool('--version').error === undefined;

describe('the series of an expression', () => {
  test.each([
    ['sum by (job) (rate(a_total{x="b_total"}[5m])) / c > 1', ['a_total', 'c']],
    ['absent(up{job="x"} == 1) and on() sum(max by (q, s) (jobs{q!~"a|b"})) > 0', ['up', 'jobs']],
    ['histogram_quantile(0.95, sum by (le) (rate(d_bucket[$__rate_interval])))', ['d_bucket']],
    ['a or (b unless b offset 15m)', ['a', 'b']],
  ])('%s', (expression, series) => expect(seriesIn(expression)).toEqual(series));
});

describe('the alerts', () => {
  const alerts = readAlerts();

  test('have a name of their own, a severity, and say what is the matter and what to do', () => {
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
    for (const { alert, labels, annotations } of alerts) {
      expect(alert).toMatch(/^Countersign[A-Z]\w+$/);
      expect(['critical', 'warning'], alert).toContain(labels.severity);
      expect(annotations.summary.length, alert).toBeGreaterThan(20);
      expect(annotations.description.length, alert).toBeGreaterThan(60);
    }
  });

  test('are listed in docs/metrics.md, with their severity', () => {
    const listed = tableRows(sectionOf(readPage('docs/metrics.md'), '## Alerts')).map(([alert, severity]) => [alert, severity]);
    expect(listed.sort()).toEqual(alerts.map(({ alert, labels }) => [alert, labels.severity]).sort());
  });

  test('link to pages and headings that there are', () => {
    const links = alerts.flatMap(({ annotations }) => annotations.description.match(/docs\/[\w/-]+\.md(#[\w-]+)?/g) ?? []);
    expect(links.length).toBeGreaterThan(10);
    for (const link of links) {
      const [path = '', anchor] = link.split('#');
      expect(existsSync(pathFromRoot(path)), link).toBe(true);
      const headings = [...readPage(path).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
        heading
          .toLowerCase()
          .replaceAll(' ', '-')
          .replaceAll(/[^\w-]/g, ''),
      );
      if (anchor !== undefined) expect(headings, link).toContain(anchor);
    }
  });

  test('fetch every service under the job that the alerts name', () => {
    const { scrape_configs: scraped, rule_files: files } = readYaml('deploy/prometheus/prometheus.yml') as {
      scrape_configs: { job_name: string }[];
      rule_files: string[];
    };
    const jobs = scraped.map(({ job_name: name }) => name);
    const named = alerts.flatMap(({ expr }) => [...expr.matchAll(/job="([^"]+)"/g)].map(([, job]) => job));
    expect(jobs).toEqual(expect.arrayContaining(named));
    expect(files.map((file) => `deploy/prometheus/${file}`)).toEqual([ALERTS_FILE]);
  });

  test.skipIf(!hasPromtool)('are rules and settings that Prometheus takes (needs promtool, of the Debian package `prometheus`)', () => {
    for (const args of [
      ['check', 'config', pathFromRoot('deploy/prometheus/prometheus.yml')],
      ['check', 'rules', pathFromRoot(ALERTS_FILE)],
    ]) {
      const { status, stdout, stderr } = promtool(...args);
      expect(status, stdout + stderr).toBe(0);
    }
  });

  test.skipIf(!hasPromtool)('fire when they should and only then (needs promtool, of the Debian package `prometheus`)', () => {
    const { status, stdout, stderr } = promtool('test', 'rules', pathFromRoot('test/monitoring/alerts.test.yml'));
    expect(status, stdout + stderr).toBe(0);
  });
});

describe('the dashboard', () => {
  const { uid, title, schemaVersion, templating, panels } = readDashboard();
  const shown = panels.filter(({ type }) => type !== 'row');

  test('has what Grafana needs: a uid, panels with ids of their own, a data source that can be chosen', () => {
    expect([uid, title]).toEqual(['countersign', 'Countersign']);
    expect(schemaVersion).toBeGreaterThanOrEqual(36);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(templating.list.map(({ name, type }) => [name, type])).toEqual([
      ['datasource', 'datasource'],
      ['job', 'query'],
      ['instance', 'query'],
    ]);
    for (const panel of shown) {
      expect(panel.datasource, panel.title).toEqual({ type: 'prometheus', uid: DATA_SOURCE });
      expect(panel.description, panel.title).toMatch(/\.$/);
      expect(panel.targets?.length, panel.title).toBeGreaterThan(0);
      expect(new Set(panel.targets?.map(({ refId }) => refId)).size, panel.title).toBe(panel.targets?.length);
    }
  });

  test('has a row for each part of the system', () => {
    const rows = panels.filter(({ type }) => type === 'row').map((row) => row.title);
    expect(rows).toEqual(['Now', 'Approvals', 'Execution', 'Planner', 'Queues', 'Redis', 'Processes']);
  });

  test('fits the grid: no panel beyond its edge, none over another', () => {
    const cells = new Map<string, string>();
    for (const { title: name, gridPos } of panels) {
      expect(gridPos.x + gridPos.w, name).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells.get(`${x},${y}`), `${name} lies over another panel`).toBeUndefined();
          cells.set(`${x},${y}`, name);
        }
    }
  });

  test('asks for the processes that were chosen, in every expression', () => {
    for (const { title: name, targets = [] } of shown) for (const { expr } of targets) expect(expr, name).toContain('job=~"$job"');
  });
});
