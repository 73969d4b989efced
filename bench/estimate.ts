import type { DataSet } from './data-sets.ts';
import { sumOf } from './child.ts';

/** Seconds of all steps of one program on two cores: some for any step, and more with files, bytes and days. */
const secondsPerProgram = 5;
const secondsPerThousandFiles = 0.25;
const secondsPerGigabyte = 11;
const secondsPerDay = 1.2;

/** Seconds that one round on a data set takes, about. */
export function expectedSeconds({ files, bytes, days = 0 }: DataSet, programs: number): number {
  const perProgram =
    secondsPerProgram +
    secondsPerThousandFiles * (files / 1000) +
    secondsPerGigabyte * (bytes / 1e9) +
    secondsPerDay * days;
  return programs * perProgram;
}

/** The expected minutes of each data set, and what of them fits into a third of an hour. */
export function estimateOf(sets: readonly DataSet[], programs: number, rounds: number): string {
  const minutes = (set: DataSet, times: number): number => (times * expectedSeconds(set, programs)) / 60;
  const lines = sets.map((set) => `${set.name}: ${minutes(set, rounds).toFixed(1)} min`);
  const all = sumOf(sets.map((set) => minutes(set, rounds)));
  const budget = 20;
  const fitting: string[] = [];
  let left = budget;
  for (const set of sets) {
    if (minutes(set, rounds) > left) continue;
    left -= minutes(set, rounds);
    fitting.push(set.name);
  }
  return [
    `expected with ${rounds} round(s) of ${programs} program(s): ${lines.join(', ')}; ${all.toFixed(0)} min in all`,
    ...(all > budget
      ? [
          `in ${budget} minutes: --data=${fitting.join(',')} --rounds=${rounds}, or all data with --minutes=${budget}`,
        ]
      : []),
  ].join('\n');
}
