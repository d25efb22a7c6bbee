/** The settings of each service, as its schema takes them. */
import { existsSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { pathFromRoot } from './pages.ts';

interface Schema {
  toJSONSchema(options: { io: 'input'; unrepresentable: 'any' }): { properties?: Record<string, { default?: unknown }> };
}

const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null && 'toJSONSchema' in value;

export interface ServiceSettings {
  name: string;
  properties: Record<string, { default?: unknown }>;
}

export const serviceSettings = (): Promise<ServiceSettings[]> =>
  Promise.all(
    readdirSync(pathFromRoot('services'))
      .filter((name) => existsSync(pathFromRoot(`services/${name}/src/config.ts`)))
      .map(async (name) => {
        const module = (await import(pathToFileURL(pathFromRoot(`services/${name}/src/config.ts`)).href)) as Record<string, unknown>;
        const schema = Object.values(module).find(isSchema);
        if (schema === undefined) throw new Error(`services/${name}/src/config.ts exports no schema`);
        return { name, properties: schema.toJSONSchema({ io: 'input', unrepresentable: 'any' }).properties ?? {} };
      }),
  );
