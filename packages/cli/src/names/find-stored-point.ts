import {
  type BackupError,
  isDegraded,
  isOfKind,
  isPointId,
  type ListedRoot,
  listRootNames,
  type ObjectStore,
  type PointChoice,
  readListedRoot,
  type ResourceArn,
  resourceKeyOf,
  type Root,
  UnknownNameError,
  type VaultKeys,
} from '@holdfast/engine';
import { UsageError } from '../terminal/errors.ts';
import { choiceText, parsePointName } from './point-name.ts';
import { ambiguous, isNamed } from './resolve.ts';
import { isPointPrefix } from './resolve-point.ts';

const writeMore = 'write more of the name';

/** A vault without a catalog: `points/` lists what is in it. */
export interface StoredPoints {
  readonly store: ObjectStore;
  readonly keys: VaultKeys;
  /** Told of every root that cannot be read; the wanted point may be another one. */
  readonly onDamage: (error: BackupError) => void;
  readonly signal: AbortSignal;
}

/** Every point of a vault whose root can be read, newest first. */
export async function listStoredPoints(points: StoredPoints): Promise<readonly Root[]> {
  const roots: Root[] = [];
  for await (const listed of listRootNames(points.store, undefined, points.signal)) {
    const root = await findRoot(points, listed);
    if (root !== undefined) roots.push(root);
  }
  return roots.sort((a, b) => (a.sourceTime === b.sourceTime ? 0 : a.sourceTime < b.sourceTime ? 1 : -1));
}

/**
 * Finds a point by its id, the beginning of its id, or a resource's name with which of its points (`photos@latest`): of a
 * resource alone the newest that can be read, or the newest of those that are not later than `time`.
 * @throws {@link UnknownNameError} there is none.
 * @throws {@link UsageError} the name is ambiguous, or a time is given together with a point.
 */
export async function findStoredPoint(points: StoredPoints, text: string, time?: Date): Promise<Root> {
  if (isPointId(text) || isPointPrefix(text)) {
    const listed = await Array.fromAsync(listRootNames(points.store, undefined, points.signal));
    const found = listed.filter(({ pointId }) => pointId.startsWith(text));
    const [only] = found;
    if (only !== undefined && time !== undefined)
      throw new UsageError(`"${text}" names one point; leave --time out, or name the resource`);
    if (only !== undefined && found.length === 1) return readListedRoot(points.store, points.keys, only);
    if (found.length > 1) throw ambiguous(text, found.map(({ pointId }) => pointId).toSorted(), writeMore);
  }
  const { listed, choice } = await findOfResource(points, text, time);
  for (const one of listed.toReversed()) {
    const root = await findRoot(points, one);
    if (root !== undefined && fits(root, choice)) return root;
  }
  throw new UnknownNameError(
    `the source has no point "${text}", and no ${choiceText(choice)} of a resource of that name; ` +
      '"holdfast extract <source> --list" lists what it has',
  );
}

/** Roots of the resource that is named, and which of them is meant. */
async function findOfResource(
  points: StoredPoints,
  text: string,
  time: Date | undefined,
): Promise<{ readonly listed: readonly ListedRoot[]; readonly choice: PointChoice }> {
  const listed = await listPointsOf(points, text);
  const name = parsePointName(text);
  if (listed.length > 0 || name?.choice === undefined) return { listed, choice: { time } };
  if (time !== undefined)
    throw new UsageError(`"${text}" names one point; leave --time out, or name the resource`);
  return { listed: await listPointsOf(points, name.resource), choice: name.choice };
}

function fits(root: Root, { time, isClean = false }: PointChoice): boolean {
  if (isClean && isDegraded(root)) return false;
  return time === undefined || Date.parse(root.sourceTime) <= time.getTime();
}

/** The clean point of a resource to take instead of a degraded one: the newest that is not later, else the next one. */
export async function findCleanStoredPoint(points: StoredPoints, degraded: Root): Promise<Root | undefined> {
  const listed = await listPointsOf(points, degraded.resource);
  let later: Root | undefined;
  for (const one of listed.toReversed()) {
    const root = await findRoot({ ...points, onDamage: () => {} }, one);
    if (root === undefined || isDegraded(root)) continue;
    if (root.sourceTime <= degraded.sourceTime) return root;
    later = root;
  }
  return later;
}

/** Roots of one resource, oldest first. */
async function listPointsOf(points: StoredPoints, name: string): Promise<readonly ListedRoot[]> {
  const { store, signal } = points;
  if (name.includes(':'))
    return Array.fromAsync(listRootNames(store, resourceKeyOf(name as ResourceArn), signal));
  const found = new Map<string, readonly ListedRoot[]>();
  for (const roots of await groupByResource(points)) {
    const arn = await findArn(points, roots);
    if (arn !== undefined && isNamed(arn, name)) found.set(arn, roots);
  }
  if (found.size > 1) throw ambiguous(name, [...found.keys()].toSorted(), writeMore);
  return [...found.values()][0] ?? [];
}

async function groupByResource({ store, signal }: StoredPoints): Promise<readonly (readonly ListedRoot[])[]> {
  const groups = new Map<string, ListedRoot[]>();
  for await (const listed of listRootNames(store, undefined, signal)) {
    const group = groups.get(listed.resourceKey);
    if (group === undefined) groups.set(listed.resourceKey, [listed]);
    else group.push(listed);
  }
  return [...groups.values()];
}

async function findArn(points: StoredPoints, roots: readonly ListedRoot[]): Promise<string | undefined> {
  for (const listed of roots.toReversed()) {
    const root = await findRoot({ ...points, onDamage: () => {} }, listed);
    if (root !== undefined) return root.resource;
  }
  return undefined;
}

/** Reads a root; `undefined` if its bytes are damaged. Keys that cannot be opened are an error. */
async function findRoot(points: StoredPoints, listed: ListedRoot): Promise<Root | undefined> {
  try {
    return await readListedRoot(points.store, points.keys, listed);
  } catch (error) {
    if (!isOfKind(error, 'damage', 'absent', 'format')) throw error;
    points.onDamage(error);
    return undefined;
  }
}
