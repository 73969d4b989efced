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

const budgetMinutes = 20;

/** The expected minutes of each data set, and what of them fits into some minutes with how many rounds. */
export function estimateOf(sets: readonly DataSet[], programs: number, rounds: number): string {
  const minutes = (set: DataSet, times: number): number =>
    ((set.name === 'bucket' ? 1 : times) * expectedSeconds(set, programs)) / 60;
  const each = sets.map((set) => `${set.name} ${minutes(set, rounds).toFixed(1)}`);
  const all = sumOf(sets.map((set) => minutes(set, rounds)));
  const lines = [
    `expected minutes with ${rounds} round(s) of ${programs} program(s): ${each.join(', ')}; ${all.toFixed(0)} in all`,
  ];
  if (all <= budgetMinutes) return lines.join('\n');
  for (const times of new Set([rounds, 3, 1])) {
    const fitting: string[] = [];
    let left = budgetMinutes;
    for (const set of sets) {
      if (minutes(set, times) > left) continue;
      left -= minutes(set, times);
      fitting.push(set.name);
    }
    lines.push(`in ${budgetMinutes} minutes: --rounds=${times} --data=${fitting.join(',')}`);
  }
  return lines.join('\n');
}
