import { addCounts } from '../add-counts.ts';
import type { ShardOutcome } from '../model/machines/restore-report.ts';
import { UnkeptFacts } from './unkept-facts.ts';

/** Most kept entries that an outcome names. */
export const keptNamed = 100;

export const nothingRestored: ShardOutcome = {
  files: 0,
  bytes: 0,
  written: 0,
  kept: 0,
  same: 0,
  keptFiles: [],
  failed: [],
  carried: [],
  unkept: [],
};

/** Adds the outcome of one part of a restore to that of others. */
export function addOutcomes(a: ShardOutcome, b: ShardOutcome): ShardOutcome {
  const unkept = new UnkeptFacts();
  unkept.addAll(a.unkept);
  unkept.addAll(b.unkept);
  return {
    ...addCounts(a, b),
    keptFiles: joinKept(a.keptFiles, b.keptFiles),
    failed: [...a.failed, ...b.failed],
    carried: [...a.carried, ...b.carried],
    unkept: unkept.list(),
  };
}

/** Joins two lists of kept entries, up to the number that an outcome names. */
export function joinKept(a: readonly string[], b: readonly string[]): readonly string[] {
  return a.length >= keptNamed || b.length === 0 ? a : [...a, ...b.slice(0, keptNamed - a.length)];
}
