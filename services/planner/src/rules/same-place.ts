/** Steps that would get in each other's way at the same time: one writes where another one works. */
import type { JsonObject } from '@countersign/shared';
import type { Source } from './results.ts';
import { slotsOf } from './slots.ts';

type Step = Pick<Source, 'tool' | 'input'>;

/** Whether both work on one file, folder or URL, or within the other's folder, and one of them does more than read. */
export const getInTheWay = (one: Step, other: Step): boolean =>
  (one.tool.risk !== 'read' || other.tool.risk !== 'read') &&
  placesOf(one).some((place) => placesOf(other).some((another) => isWithin(place, another) || isWithin(another, place)));

function placesOf({ tool, input }: Step): string[] {
  return slotsOf(tool).flatMap(({ name, kind, preset }) => {
    if (kind !== 'path' && kind !== 'url') return [];
    const value = (input as JsonObject)[name] ?? preset;
    return typeof value === 'string' ? [value.replace(/^(\.\/)+(?=.)/, '').replace(/(?<=.)\/+$/, '')] : [];
  });
}

const isWithin = (place: string, folder: string): boolean =>
  place === folder || place.startsWith(`${folder}/`) || (folder === '.' && !/^(\/|\.\.(\/|$)|https?:)/.test(place));
