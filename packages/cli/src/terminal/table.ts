import { type Tone, toneOf } from './tone.ts';
import { durationText, safeText, shortNameOf, timeText } from './text.ts';
import { clipText, fitText, textWidth, wrapText } from './text-width.ts';

/** A value of a table; nothing is shown as `-`. */
export type Cell = string | Date | Shortened | undefined;

/** A value that is written shorter where there is no room for it. */
interface Shortened {
  readonly short: string;
  readonly whole: string;
}

interface Look {
  readonly title: string;
  /** `text` and `resource` are cut first; `prose` is never cut, but goes on in the next line. */
  readonly kind: 'text' | 'word' | 'right' | 'id' | 'resource' | 'time' | 'state' | 'prose';
  /** Characters of an id that are shown at least. */
  readonly least?: number;
  readonly isWideOnly?: boolean;
}
export type Column = string | Look;

/** Numbers, at the right edge. */
export const right = (title: string): Look => ({ title, kind: 'right' });
/** Ids, shown by as few of their characters as tell them apart here; commands take the beginning of an id. */
export const ids = (title: string, least: number): Look => ({ title, kind: 'id', least });
/** ARNs, shown by their last part where it tells them apart; commands take that, too. */
export const resources = (title: string): Look => ({ title, kind: 'resource' });
/** Times, shown from now: `3 h ago`, `in 30 d`. */
export const times = (title: string): Look => ({ title, kind: 'time' });
/** Words that say how something stands, in colour. */
export const states = (title: string): Look => ({ title, kind: 'state' });
/** Short words, which are not cut as long as other columns can be. */
export const words = (title: string): Look => ({ title, kind: 'word' });
/** Sentences, as the last column. */
export const prose = (title: string): Look => ({ title, kind: 'prose' });
/** A column that there is only room for with `--wide`. */
export const wideOnly = (column: Column): Look => ({ ...lookOf(column), isWideOnly: true });

/** Characters of the ids of points, and of those of runs, restores and holds, that are shown at least. */
export const pointDigits = '20261123T020000Z-9f2c'.length;
export const idDigits = 8;

const gap = '  ';
/** Narrower, a column says nothing any more. */
const leastWidth = 8;

export interface TableRoom {
  /** Columns of the terminal; all values are whole where it is absent. */
  readonly columns: number | undefined;
  readonly now: Date;
  readonly paint: (tone: Tone | undefined, text: string) => string;
}

/** Lines of a table that fit the room, with headings even when there are no rows. Nothing in them commands a terminal. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  { columns: room, now, paint }: TableRoom,
): readonly string[] {
  const all = columns.map((column, at) => ({ look: lookOf(column), cells: rows.map((row) => row[at]) }));
  const shown = all.filter(({ look }) => room === undefined || look.isWideOnly !== true);
  const texts = shown.map(({ look, cells }) =>
    (room === undefined ? cells.map(wholeText) : shortTexts(look, cells, now)).map(safeText),
  );
  const natural = shown.map(({ look: { title } }, at) =>
    Math.max(textWidth(title), ...(texts[at] ?? []).map(textWidth)),
  );
  const widths =
    room === undefined ? natural : fitWidths(shown, { natural, least: leastWidths(shown, texts) }, room);
  const heading = shown.map(({ look }, at) =>
    pad(fitText(look.title, widths[at] ?? 0), look, widths[at] ?? 0),
  );
  const lines = [heading.join(gap).trimEnd()];
  for (const row of rows.keys()) {
    const cells = shown.map(({ look }, at) => {
      const [text, width] = [texts[at]?.[row] ?? '', widths[at] ?? 0];
      if (look.kind === 'prose') return wrapText(text, width);
      // What is left of an id is still the beginning of one.
      return [look.kind === 'id' ? clipText(text, width) : fitText(text, width)];
    });
    const height = Math.max(...cells.map((cell) => cell.length));
    for (let line = 0; line < height; line += 1) {
      // Only what follows the last word may be cut off: colours come after that.
      const last = cells.findLastIndex((cell) => (cell[line] ?? '') !== '');
      const painted = cells.slice(0, last + 1).map((cell, at) => {
        const { look } = shown[at] as (typeof shown)[number];
        const text =
          at === last && look.kind !== 'right' ? cell[line] : pad(cell[line] ?? '', look, widths[at] ?? 0);
        return paint(look.kind === 'state' ? toneOf(texts[at]?.[row] ?? '') : undefined, text ?? '');
      });
      lines.push(painted.join(gap));
    }
  }
  return lines;
}

function lookOf(column: Column): Look {
  return typeof column === 'string' ? { title: column, kind: 'text' } : column;
}

function pad(text: string, { kind }: Look, width: number): string {
  const spaces = ' '.repeat(Math.max(0, width - textWidth(text)));
  return kind === 'right' ? spaces + text : text + spaces;
}

function wholeText(cell: Cell): string {
  if (cell === undefined) return '-';
  if (typeof cell === 'string') return cell;
  return cell instanceof Date ? timeText(cell) : cell.whole;
}

function shortTexts({ kind, least = 0 }: Look, cells: readonly Cell[], now: Date): readonly string[] {
  if (kind === 'id') return shortIds(cells.map(wholeText), least);
  if (kind === 'resource') return shortNames(cells.map(wholeText));
  return cells.map((cell) => {
    if (cell instanceof Date) return fromNow(cell, now);
    return typeof cell === 'object' ? cell.short : wholeText(cell);
  });
}

/** A time by its distance: `3 h ago`, `in 30 d`. */
function fromNow(time: Date, now: Date): string {
  if (Number.isNaN(time.getTime())) return '-';
  const seconds = (now.getTime() - time.getTime()) / 1000;
  return seconds < 0 ? `in ${durationText(-seconds)}` : `${durationText(seconds)} ago`;
}

function shortIds(whole: readonly string[], least: number): readonly string[] {
  const different = new Set(whole);
  let digits = least;
  while (new Set([...different].map((id) => id.slice(0, digits))).size < different.size) digits += 1;
  return whole.map((id) => id.slice(0, digits));
}

function shortNames(arns: readonly string[]): readonly string[] {
  const named = new Map<string, Set<string>>();
  for (const arn of arns) named.set(shortNameOf(arn), (named.get(shortNameOf(arn)) ?? new Set()).add(arn));
  return arns.map((arn) => (named.get(shortNameOf(arn))?.size === 1 ? shortNameOf(arn) : arn));
}

/** Room for the ids of points in sentences: in two pieces nobody can copy one. */
function leastWidths(
  columns: readonly { readonly look: Look }[],
  texts: readonly (readonly string[])[],
): readonly number[] {
  return columns.map(({ look: { kind } }, at) => {
    if (kind !== 'prose') return leastWidth;
    const lengths = (texts[at] ?? []).flatMap((text) => text.split(' ')).map(textWidth);
    return Math.max(leastWidth, ...lengths.filter((width) => width <= pointDigits));
  });
}

/** Widths that fit: of names and sentences the widest is cut first, of the rest only where that does not do. */
function fitWidths(
  columns: readonly { readonly look: Look }[],
  { natural, least }: { readonly natural: readonly number[]; readonly least: readonly number[] },
  room: number,
): readonly number[] {
  const space = room - gap.length * (natural.length - 1);
  const isCutFirst = columns.map(({ look: { kind } }) => ['text', 'resource', 'prose'].includes(kind));
  const fits = (widths: readonly number[]): boolean => widths.reduce((sum, width) => sum + width, 0) <= space;
  const widest = Math.max(...natural, leastWidth);
  for (let most = widest; most >= leastWidth; most -= 1) {
    const widths = natural.map((width, at) =>
      isCutFirst[at] === true ? Math.min(width, Math.max(most, least[at] ?? 0)) : width,
    );
    if (fits(widths)) return widths;
  }
  for (let most = widest; most > 1; most -= 1) {
    const widths = natural.map((width, at) =>
      Math.min(width, isCutFirst[at] === true ? Math.min(most, leastWidth) : most),
    );
    if (fits(widths)) return widths;
  }
  return natural.map(() => 1);
}
