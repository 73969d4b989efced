import { SnapshotMissingError } from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { readRoot } from '../points/root-store.ts';
import type { VolumeSnapshot } from '../points/root.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { isLoss } from './loss.ts';
import { errorRecordOf, type ErrorRecord } from '../model/error-record.ts';
import type { PointToVerify } from './verify-points.ts';

/** Roots that are read before their snapshots are asked for together. */
const pointsAtOnce = 100;

/** The keeper of the snapshots that images consist of. */
export interface SnapshotStates {
  /** Leaves out those that do not exist. */
  describeSnapshots(
    snapshotIds: readonly string[],
    signal?: AbortSignal,
  ): Promise<readonly { readonly snapshotId: string; readonly state: string }[]>;
}

export type ImageVerification<Point extends PointToVerify> = { readonly point: Point } & (
  | { readonly snapshots: number; readonly losses: readonly ErrorRecord[] }
  /** Its blocks are in the vault, so it needs nothing outside; they are verified as those of any other point. */
  | { readonly isInVault: true }
  /** Nothing can be said of its snapshots: its root cannot be read. */
  | { readonly rootLoss: ErrorRecord }
);

/**
 * Verifies that images have what they need outside the vault: their snapshots, where the vault has no more of them than
 * their root. Blocks are not read.
 */
export async function* verifyImages<Point extends PointToVerify>(
  {
    store,
    keys,
    snapshots,
  }: { readonly store: ObjectStore; readonly keys: VaultKeys; readonly snapshots: SnapshotStates },
  points: Iterable<Point>,
  signal?: AbortSignal,
): AsyncGenerator<ImageVerification<Point>> {
  let batch: { readonly point: Point; readonly of: Needed }[] = [];
  const judged = async function* (): AsyncGenerator<ImageVerification<Point>> {
    const ids = batch.flatMap(({ of }) =>
      of === 'nothing' || 'message' in of ? [] : of.map(({ snapshot }) => snapshot),
    );
    const found = ids.length === 0 ? [] : await snapshots.describeSnapshots(ids, signal);
    const states = new Map(found.map(({ snapshotId, state }) => [snapshotId, state]));
    for (const { point, of } of batch) {
      if (of === 'nothing') yield { point, isInVault: true };
      else if ('message' in of) yield { point, rootLoss: of };
      else yield { point, snapshots: of.length, losses: lossesOf(of, states) };
    }
    batch = [];
  };
  for (const point of points) {
    signal?.throwIfAborted();
    batch.push({ point, of: await readSnapshots(store, keys, point) });
    if (batch.length === pointsAtOnce) yield* judged();
  }
  yield* judged();
}

/** Snapshots that a point consists of; or why its root does not tell. */
type Needed = readonly VolumeSnapshot[] | 'nothing' | ErrorRecord;

async function readSnapshots(
  store: ObjectStore,
  keys: VaultKeys,
  { resourceArn, pointId, versionId }: PointToVerify,
): Promise<Needed> {
  try {
    const { root } = await readRoot(store, keys, resourceArn, pointId, versionId);
    return root.manifest === undefined ? (root.image?.snapshots ?? []) : 'nothing';
  } catch (error) {
    if (!isLoss(error)) throw error;
    return errorRecordOf(error);
  }
}

function lossesOf(snapshots: readonly VolumeSnapshot[], states: ReadonlyMap<string, string>): ErrorRecord[] {
  return snapshots.flatMap(({ snapshot, volume }) => {
    const state = states.get(snapshot);
    return state === 'completed' ? [] : [errorRecordOf(new SnapshotMissingError(snapshot, volume, state))];
  });
}
