import { safeText } from './text.ts';

interface RightColumn {
  readonly title: string;
}

export function right(title: string): RightColumn {
  return { title };
}

/** Writes a command's answer: text for people or JSON for programs. */
export class Output {
  readonly #write: (output: string | Uint8Array) => Promise<void>;
  readonly json: boolean;

  constructor(write: (output: string | Uint8Array) => Promise<void>, json: boolean) {
    this.#write = write;
    this.json = json;
  }

  /** Prints a line for people, with anything that a terminal would obey made visible. */
  async line(text = ''): Promise<void> {
    await this.#write(`${safeText(text)}\n`);
  }

  /** Writes bytes of a file as they are, whatever a terminal makes of them. */
  async bytes(content: Uint8Array): Promise<void> {
    await this.#write(content);
  }

  /** Prints a table for people, with safe cells, and with headings even when there are no rows. */
  async table(
    columns: readonly (string | RightColumn)[],
    rows: readonly (readonly string[])[],
  ): Promise<void> {
    const cells = [
      columns.map((column) => (typeof column === 'string' ? column : column.title)),
      ...rows.map((row) => row.map(safeText)),
    ];
    const widths = columns.map((_, at) => Math.max(...cells.map((row) => (row[at] ?? '').length)));
    for (const row of cells) {
      const padded = columns.map((column, at) => {
        const width = widths[at] ?? 0;
        return typeof column === 'string' ? (row[at] ?? '').padEnd(width) : (row[at] ?? '').padStart(width);
      });
      await this.line(padded.join('  ').trimEnd());
    }
  }

  /** Prints the only document of a command, for programs. */
  async document(value: unknown): Promise<void> {
    await this.#write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** Prints one of many documents for programs, each on one line. */
  async record(value: unknown): Promise<void> {
    await this.#write(`${JSON.stringify(value)}\n`);
  }
}
