import { type CommittedPoint, unreadOf } from '@holdfast/engine';
import type { RunReport } from '@holdfast/engine/model';

/** The facts of a point that people look for first. */
export function committedOutputOf({ root, state }: CommittedPoint): RunReport {
  const { files, logicalBytes, readBytes, storedBytes } = root.counts;
  return {
    runId: root.run,
    pointId: root.point,
    type: root.type,
    state,
    warnings: root.warnings,
    ...unreadOf(root),
    files,
    logicalBytes,
    readBytes,
    storedBytes,
    expiresAt: root.expiresAt,
  };
}
