import { joinKept, type RestoreOutcome, UnkeptFacts } from '@holdfast/engine';
import type { ShardOutcome } from '@holdfast/engine/model';

/** What two calls made of a shard. */
export function addOutcomes(a: ShardOutcome, b: RestoreOutcome): ShardOutcome {
  const unkept = new UnkeptFacts();
  unkept.addAll(a.unkept);
  unkept.addAll(b.unkept);
  return {
    files: a.files + b.files,
    bytes: a.bytes + b.bytes,
    written: a.written + b.written,
    kept: a.kept + b.kept,
    same: a.same + b.same,
    keptFiles: joinKept(a.keptFiles, b.keptFiles),
    failed: [...a.failed, ...b.failed],
    carried: [...a.carried, ...b.carried],
    unkept: unkept.list(),
  };
}

/** What no call has made of a shard yet. */
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
