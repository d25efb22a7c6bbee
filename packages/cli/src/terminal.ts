/** Writing for people: colours where they are wanted, lines that fit, and no control characters from elsewhere. */
export type Paint = (style: keyof typeof STYLES, text: string) => string;

export interface Terminal {
  write(text: string): void;
  /** columns */
  width: number;
  /** whether lines can be rewritten */
  interactive: boolean;
  paint: Paint;
}

const STYLES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] } as const;
const DEFAULT_WIDTH = 100;
const NARROWEST = 20;

export interface OutputStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

/** The terminal behind a stream: colours follow FORCE_COLOR, NO_COLOR and TERM=dumb, in this order. */
export function openTerminal(stream: OutputStream, env: NodeJS.ProcessEnv): Terminal {
  const tty = stream.isTTY === true && env.TERM !== 'dumb';
  const forced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '' && env.FORCE_COLOR !== '0';
  const coloured = forced || (tty && (env.NO_COLOR === undefined || env.NO_COLOR === ''));
  return {
    write: (text) => {
      stream.write(text);
    },
    get width() {
      return Math.max(NARROWEST, (stream.isTTY === true && stream.columns) || DEFAULT_WIDTH);
    },
    interactive: tty,
    paint: (style, text) => (coloured ? `\u001b[${STYLES[style][0]}m${text}\u001b[${STYLES[style][1]}m` : text),
  };
}

/**
 * A plan's texts may come from a model or a stranger. Escape sequences, line breaks and marks that turn the direction of
 * writing could make another plan appear than the one that is signed: they are shown as a space.
 */
export const plainText = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();

export const textWidth = (text: string): number => [...text].length;

export const cut = (text: string, width: number): string =>
  textWidth(text) <= width ? text : `${[...text].slice(0, Math.max(0, width - 3)).join('')}...`;

/** The text in lines of at most `width` characters, broken between words where that is possible. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    let rest = word;
    if (line !== '' && textWidth(line) + 1 + textWidth(rest) <= width) {
      line += ` ${rest}`;
      continue;
    }
    if (line !== '') lines.push(line);
    while (textWidth(rest) > width) {
      lines.push([...rest].slice(0, width).join(''));
      rest = [...rest].slice(width).join('');
    }
    line = rest;
  }
  if (line !== '' || lines.length === 0) lines.push(line);
  return lines;
}

/** Milliseconds for a person. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
}
