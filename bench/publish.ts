import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plotOf } from './plot.ts';
import { reportOf, type Results } from './report.ts';

const docs = join(import.meta.dirname, '..', 'docs');
const begin = '<!-- written by npm run bench -- --publish -->\n';
const end = '<!-- end of what it writes -->\n';

/** Writes tables and plot into `docs`. */
export function publish(results: Results): void {
  const page = join(docs, 'benchmarks.md');
  const text = readFileSync(page, 'utf8');
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(`${page} has no place for results; put back the lines ${begin}${end}`);
  const plot = '![Seconds of each step, by those of the best peer](benchmarks.svg)';
  writeFileSync(page, `${before}${begin}\n${plot}\n\n${reportOf(results)}\n\n${end}${after}`);
  writeFileSync(join(docs, 'benchmarks.svg'), plotOf(results));
}
