import { type BackupError, InvalidInputError, isDamage, ObjectNotFoundError } from '../errors.ts';
import type { PageId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { mapConcurrent } from '../map-concurrent.ts';
import { containerName, objectNameOf, pageName } from '../packs/object-names.ts';
import { readRoot } from '../points/root-store.ts';
import { walkPacks } from '../points/walk-packs.ts';
import type { ObjectState, ObjectStore } from '../ports/object-store.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import type { ReportProgress } from '../ports/progress.ts';

const headsAtOnce = 32;
/** Objects that are told apart at most, at some 150 bytes each: 60 TiB in packs of 32 MiB. */
const mostObjects = 2_000_000;

/** An object that points need, as the store itself describes it now. */
export interface StoredState {
  readonly name: string;
  readonly versionId: string | undefined;
  readonly kind: 'root' | 'pages' | 'chunks' | 'container';
  /** The latest time until which a point that needs it is kept. */
  readonly keptUntil: Date;
  /** Absent where the store does not have it any more. */
  readonly state?: ObjectState;
  /** Absent where it is locked, or held, for as long as it is needed. */
  readonly problem?: string;
}

export interface StoredStatesOptions {
  /** A lock that has ended by then keeps nothing, whoever holds the point. */
  readonly now: Date;
  /** Told of a point whose root, or a page of its pack map, is damaged or gone: what else it needs is not known. */
  readonly onUnread: (point: PointRow, damage: BackupError) => void;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

interface NeededObject extends Pick<StoredState, 'name' | 'versionId' | 'kind' | 'keptUntil'> {
  readonly isHeld: boolean;
}

/**
 * Asks the store about every object that points need: whether it is there, and how long it is locked. Each once, whatever
 * number of points need it; none of the content is read. A point that cannot be read hides no other.
 * @throws {@link InvalidInputError} there are too many for one account.
 */
export async function* listStoredStates(
  services: { readonly store: ObjectStore; readonly keys: VaultKeys },
  points: readonly PointRow[],
  { now, onUnread, onProgress, signal }: StoredStatesOptions,
): AsyncGenerator<StoredState> {
  let files = 0;
  const ask = async (needed: NeededObject): Promise<StoredState> =>
    askFor(services.store, needed, now, signal);
  const needed = listNeeded(services, points, { onUnread, signal });
  for await (const state of mapConcurrent(needed, headsAtOnce, ask)) {
    onProgress?.({ step: 'verify', unit: 'object', files: (files += 1), bytes: 0 });
    yield state;
  }
}

/** Every object that points need, with the time of the point that is kept longest. */
async function* listNeeded(
  services: { readonly store: ObjectStore; readonly keys: VaultKeys },
  points: readonly PointRow[],
  { onUnread, signal }: Pick<StoredStatesOptions, 'onUnread' | 'signal'>,
): AsyncGenerator<NeededObject> {
  const seen: Seen = { names: new Set(), pages: new Set() };
  // The first point that needs an object is then the one that is kept longest.
  const longestFirst = points.toSorted((a, b) => b.expiresAt.getTime() - a.expiresAt.getTime());
  for (const point of longestFirst) {
    try {
      yield* listNeededBy(services, point, seen, signal);
    } catch (error) {
      if (!isDamage(error)) throw error;
      onUnread(point, error);
    }
  }
}

interface Seen {
  readonly names: Set<string>;
  readonly pages: Set<PageId>;
}

/** Objects that a point needs, and that no other one has named. */
async function* listNeededBy(
  services: { readonly store: ObjectStore; readonly keys: VaultKeys },
  { resourceArn, pointId, rootVersionId, rootName, expiresAt, holds = [] }: PointRow,
  seen: Seen,
  signal: AbortSignal | undefined,
): AsyncGenerator<NeededObject> {
  const of = (kind: NeededObject['kind'], name: string, versionId: string): NeededObject[] => {
    if (seen.names.has(name)) return [];
    if (seen.names.size === mostObjects)
      throw new InvalidInputError(
        `the points need more than ${mostObjects} objects, which is too many for one account; name one resource`,
      );
    seen.names.add(name);
    const isHeld = holds.length > 0;
    return [
      { kind, name, versionId: versionId === '' ? undefined : versionId, keptUntil: expiresAt, isHeld },
    ];
  };
  // Its bytes may be damaged: what the store says of it is known all the same.
  yield* of('root', rootName, rootVersionId);
  const { root } = await readRoot(services.store, services.keys, resourceArn, pointId, rootVersionId);
  for (const { pack, kind, version } of root.pagePacks)
    yield* kind === 'container'
      ? of('container', containerName(pack), version)
      : of('pages', pageName(pack), version);
  for await (const pack of walkPacks(services, root, { seen: seen.pages, signal }))
    yield* of(pack.kind, objectNameOf(pack), pack.versionId);
}

async function askFor(
  store: ObjectStore,
  { isHeld, ...needed }: NeededObject,
  now: Date,
  signal: AbortSignal | undefined,
): Promise<StoredState> {
  const { name, versionId, keptUntil } = needed;
  try {
    const state = await store.head(name, { versionId, signal });
    return { ...needed, state, problem: problemOf(state, isHeld ? now : keptUntil) };
  } catch (error) {
    if (!(error instanceof ObjectNotFoundError)) throw error;
    return { ...needed, problem: 'it is gone' };
  }
}

/** @param until - of a held point now: root and packs are locked anew as its dates move on. */
function problemOf({ lock, legalHold }: ObjectState, until: Date): string | undefined {
  if (legalHold === true) return undefined;
  if (lock === undefined) return 'it is not locked';
  if (lock.until < until)
    return `it is locked until ${lock.until.toISOString()}, and needed until ${until.toISOString()}`;
  return undefined;
}
