import { joinKept, type RestoreOutcome, UnkeptFacts } from '@holdfast/engine';
import type { ShardOutcome } from '@holdfast/engine/model';
import { addCounts } from '../runtime/add-counts.ts';

export function addOutcomes(a: ShardOutcome, b: RestoreOutcome): ShardOutcome {
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
