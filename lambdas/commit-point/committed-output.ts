import type { CommittedPoint, PointId, RunId } from '@holdfast/engine';

/** What a run came to, for the execution's history. */
export interface CommittedOutput {
  readonly runId: RunId;
  readonly pointId: PointId;
  readonly type: CommittedPoint['root']['type'];
  readonly state: CommittedPoint['state'];
  readonly warnings: number;
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
    files,
    logicalBytes,
    readBytes,
    storedBytes,
    expiresAt: root.expiresAt,
  };
}
