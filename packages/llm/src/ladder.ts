/**
 * What a server has shown of the formats it takes for a model, remembered for as long as the process lives.
 *
 * It is asked in the best format first. One that it refuses, or takes and then ignores, is not asked for again; one that
 * worked stays, whatever a single answer looks like later.
 */
import { MODEL_FORMATS, type ModelFormat } from '@countersign/shared';

export interface Ladder {
  /** those worth asking in, best first */
  formats(): readonly ModelFormat[];
  /** The server took this format after it had refused the better ones. */
  settleOn(format: ModelFormat): void;
  /** An answer came as it was asked for. */
  worked(format: ModelFormat): void;
  /** The format was taken, and the answer was none in it. */
  ignored(format: ModelFormat): void;
}

const known = new Map<string, Ladder>();

/** The same one for the same server and model. */
export function ladderOf(baseUrl: string, model: string): Ladder {
  const key = JSON.stringify([baseUrl, model]);
  const ladder = known.get(key) ?? createLadder();
  known.set(key, ladder);
  return ladder;
}

function createLadder(): Ladder {
  let current = 0;
  let proven = false;
  // Questions run side by side: what an older one found out must not lead back up.
  const goDownTo = (rung: number): void => {
    if (!proven && rung > current && rung < MODEL_FORMATS.length) current = rung;
  };
  return {
    formats: () => MODEL_FORMATS.slice(current),
    settleOn: (format) => goDownTo(MODEL_FORMATS.indexOf(format)),
    worked: (format) => {
      if (MODEL_FORMATS.indexOf(format) === current) proven = true;
    },
    ignored: (format) => {
      if (MODEL_FORMATS.indexOf(format) === current) goDownTo(current + 1);
    },
  };
}
