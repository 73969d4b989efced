import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export function numberText(value: number, digits = 0): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Lines of a table in Markdown. */
export function tableLines(head: readonly string[], body: readonly (readonly string[])[]): string[] {
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`);
}

/**
 * Puts figures into a page of docs, in the place of those between two lines of it.
 * @param page - its name below `docs/`.
 */
export function putFigures(
  page: string,
  { begin, end }: { readonly begin: string; readonly end: string },
  figures: string,
): void {
  const path = join(import.meta.dirname, '..', 'docs', page);
  const text = readFileSync(path, 'utf8');
  const [before, after] = [text.indexOf(begin), text.indexOf(end)];
  if (before < 0 || after < before)
    throw new Error(`docs/${page} has no place for figures; put back the lines ${begin} and ${end}`);
  writeFileSync(path, `${text.slice(0, before)}${begin}\n\n${figures}\n\n${text.slice(after)}`);
}
