import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { putFigures } from './figures.ts';
import { plotOf } from './plot.ts';
import { reportOf, type Results } from './report.ts';

/** Writes tables and plot into `docs`. */
export function publish(results: Results): void {
  const place = {
    begin: '<!-- written by npm run bench -- --publish -->',
    end: '<!-- end of what it writes -->',
  };
  const plot = '![Seconds of each step, by those of the best peer](benchmarks.svg)';
  putFigures('benchmarks.md', place, `${plot}\n\n${reportOf(results)}`);
  writeFileSync(join(import.meta.dirname, '..', 'docs', 'benchmarks.svg'), plotOf(results));
}
