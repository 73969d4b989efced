import { type CommittedPoint, type PointId, type RunId, unreadOf } from '@holdfast/engine';

/** What a run came to, for the execution's history. */
export interface CommittedOutput {
  readonly runId: RunId;
  readonly pointId: PointId;
  readonly type: CommittedPoint['root']['type'];
  readonly state: CommittedPoint['state'];
  readonly warnings: number;
  /** Entries that could not be read: in the point as an earlier one has them, and not in it. */
  readonly carried: number;
  readonly missing: number;
  readonly files: number;
  readonly logicalBytes: number;
  readonly readBytes: number;
  readonly storedBytes: number;
  readonly expiresAt: string;
}

/** The facts of a point that people look for first. */
export function committedOutputOf({ root, state }: CommittedPoint): CommittedOutput {
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
