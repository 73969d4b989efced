import { ObjectNotFoundError, StoredBytesDamagedError, type BackupError } from '../errors.ts';
import type { PointId, ResourceArn } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { mapConcurrent } from '../map-concurrent.ts';
import { parseObjectName, rootName } from '../packs/object-names.ts';
import { resourceKeyOf } from '../points/point-id.ts';
import { readRoot, type StoredRoot } from '../points/root-store.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { ObjectStore, ObjectVersion } from '../ports/object-store.ts';
import { isLoss } from './loss.ts';
import { errorRecordOf, type ErrorRecord } from '../model/error-record.ts';

const rootsAtOnce = 16;

interface HistoryProblem extends ErrorRecord {
  /** Absent for an object that belongs to no point. */
  readonly pointId?: PointId;
}

export interface HistoryOutcome {
  readonly roots: number;
  readonly problems: readonly HistoryProblem[];
}

export interface HistoryServices {
  readonly store: ObjectStore;
  readonly keys: VaultKeys;
  /** Knows of roots that no other root names: the newest. Absent where there is only the bucket. */
  readonly catalog?: Pick<Catalog, 'points'>;
}

type Link = Pick<StoredRoot, 'sha256'> & Pick<StoredRoot['root'], 'point' | 'previous'>;

/**
 * Verifies the roots of a resource: that each is one, that none has been written over, and, by the hashes that each has
 * of the one before it, that none was replaced or is gone before its time.
 * Costs a listing and a request for each root; memory: a small record for each.
 */
export async function verifyHistory(
  { store, keys, catalog }: HistoryServices,
  resourceArn: ResourceArn,
  signal?: AbortSignal,
): Promise<HistoryOutcome> {
  const problems: HistoryProblem[] = [];
  const links = new Map<PointId, Link>();
  const seen = new Set<PointId>();
  const read = async ({ versionId, pointId }: Version): Promise<Link | HistoryProblem | undefined> => {
    try {
      const { root, sha256 } = await readRoot(store, keys, resourceArn, pointId, versionId);
      return { point: root.point, sha256, previous: root.previous };
    } catch (error) {
      // Removed since it was listed; the code below decides if it may be, as for all that are gone.
      if (error instanceof ObjectNotFoundError) return undefined;
      if (!isLoss(error)) throw error;
      return { pointId, ...errorRecordOf(error) };
    }
  };
  const versions = oldestVersions(store, resourceArn, problems, signal);
  for await (const found of mapConcurrent(versions, rootsAtOnce, read)) {
    if (found === undefined) continue;
    if ('point' in found) links.set(found.point, found);
    else problems.push(found);
    seen.add('point' in found ? found.point : (found.pointId as PointId));
  }
  const now = await store.now();
  for (const link of links.values()) {
    const problem = problemOf(link, links, seen, resourceArn, now);
    if (problem !== undefined) problems.push({ pointId: link.point, ...errorRecordOf(problem) });
  }
  if (catalog !== undefined) {
    for await (const { pointId, expiresAt, expiring } of catalog.points.list(resourceArn)) {
      if (seen.has(pointId) || expiresAt <= now || expiring === true) continue;
      problems.push({
        pointId,
        ...errorRecordOf(missing(resourceArn, pointId, 'the catalog knows it', expiresAt)),
      });
    }
  }
  return { roots: links.size, problems };
}

interface Version extends ObjectVersion {
  readonly pointId: PointId;
}

/** The version of each root that counts; any other version is a problem. */
async function* oldestVersions(
  store: ObjectStore,
  resourceArn: ResourceArn,
  problems: HistoryProblem[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Version> {
  const prefix = rootName(resourceKeyOf(resourceArn), '' as PointId);
  let last: Version | undefined;
  for await (const version of store.listVersions(prefix, signal ? { signal } : {})) {
    const { name, versionId } = version;
    const parsed = parseObjectName(name);
    if (parsed?.kind !== 'root') {
      problems.push(
        errorRecordOf(new StoredBytesDamagedError(name, 'nothing of that name is ever written here')),
      );
      continue;
    }
    const { pointId } = parsed;
    if (last !== undefined && last.name !== name) yield last;
    // Versions of one name come newest first, so the one before was put over this one.
    if (last?.name === name) {
      const what = `version ${last.versionId} was written over version ${versionId}`;
      problems.push({ pointId, ...errorRecordOf(new StoredBytesDamagedError(name, what)) });
    }
    last = { ...version, pointId };
  }
  if (last !== undefined) yield last;
}

function problemOf(
  { previous }: Link,
  links: ReadonlyMap<PointId, Link>,
  seen: ReadonlySet<PointId>,
  resourceArn: ResourceArn,
  now: Date,
): BackupError | undefined {
  if (previous === undefined) return undefined;
  const pointId = previous.point as PointId;
  const before = links.get(pointId);
  if (before !== undefined) {
    if (before.sha256 === previous.sha256) return undefined;
    const name = rootName(resourceKeyOf(resourceArn), pointId);
    return new StoredBytesDamagedError(name, 'it is not the root that the point after it was committed on');
  }
  // One that cannot be read has been reported. An older root does not tell how long the one before it was to be kept.
  if (seen.has(pointId) || previous.expiresAt === undefined) return undefined;
  const expiresAt = new Date(previous.expiresAt);
  return expiresAt > now
    ? missing(resourceArn, pointId, 'the point after it names it', expiresAt)
    : undefined;
}

function missing(resourceArn: ResourceArn, pointId: PointId, how: string, expiresAt: Date): BackupError {
  const name = rootName(resourceKeyOf(resourceArn), pointId);
  return new StoredBytesDamagedError(
    name,
    `it is gone before its time: ${how}, and it is kept until ${expiresAt.toISOString()}`,
  );
}
