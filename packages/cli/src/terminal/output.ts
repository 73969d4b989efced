import type { Clock } from '@holdfast/engine';
import type * as z from 'zod';
import type { Answer, Printable } from './answer.ts';
import { type Cell, type Column, tableLines } from './table.ts';
import { jsonText, safeText } from './text.ts';
import { type Tone, toneOf } from './tone.ts';

/** Columns that every terminal has: where a terminal does not tell, and in a pipe, tables fit these. */
const leastColumns = 80;

/** Where and how a command's answer is written. */
export interface OutputOptions {
  readonly write: (output: string | Uint8Array) => Promise<void>;
  readonly json: boolean;
  /** Tables have all columns with whole values, however long their lines become. */
  readonly wide: boolean;
  /** Columns of the terminal, where it tells. */
  readonly columns: number | undefined;
  /** Colours a text where whoever reads wants colours. */
  readonly paint: (tone: Tone, text: string) => string;
  readonly clock: Clock;
}

/** Writes a command's answer: text for people or JSON for programs. */
export class Output {
  readonly #options: OutputOptions;

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  get json(): boolean {
    return this.#options.json;
  }

  /** Prints a line for people, with anything that a terminal would obey made visible. */
  async line(text = ''): Promise<void> {
    await this.#options.write(`${safeText(text)}\n`);
  }

  /** Prints a line that begins with a state, in that state's colour. */
  async stateLine(state: string, text: string): Promise<void> {
    await this.#options.write(`${this.#paint(toneOf(state), safeText(state))}${safeText(text)}\n`);
  }

  /** Writes bytes of a file as they are, whatever a terminal makes of them. */
  async bytes(content: Uint8Array): Promise<void> {
    await this.#options.write(content);
  }

  /** Prints a table for people. */
  async table(columns: readonly Column[], rows: readonly (readonly Cell[])[]): Promise<void> {
    const { write, wide, columns: width = leastColumns, clock } = this.#options;
    const room = {
      columns: wide ? undefined : Math.max(width, leastColumns),
      now: clock.now(),
      paint: this.#paint,
    };
    await write(`${tableLines(columns, rows, room).join('\n')}\n`);
  }

  readonly #paint = (tone: Tone | undefined, text: string): string =>
    tone === undefined ? text : this.#options.paint(tone, text);

  /** Prints for programs, in a form that the command declares. */
  async answer<Schema extends z.ZodType>(
    { form }: Answer<Schema>,
    value: Printable<z.output<Schema>>,
  ): Promise<void> {
    await this.#options.write(`${jsonText(value, form === 'document' ? 2 : undefined)}\n`);
  }
}
