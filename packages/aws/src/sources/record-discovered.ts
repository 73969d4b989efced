import type { Catalog, Clock, ResourceArn } from '@holdfast/engine';
import type { Plans } from '@holdfast/engine/model';
import type { Discovery, TaggedResource, TaggedResources } from './tagged-resources.ts';

export interface RecordDiscoveredServices {
  readonly tagged: Pick<TaggedResources, 'discover'>;
  readonly catalog: Catalog;
  readonly clock: Clock;
}

export type RecordedResource = Omit<TaggedResource, 'tags'>;

export interface RecordingProgress {
  readonly startedAt: Date;
  readonly left: Discovery;
  /** Resources on record, those with a problem included; in no order. */
  readonly recorded: readonly RecordedResource[];
  /** The last row of the catalog that was checked for a lost tag; absent until everything is found. */
  readonly rowsAfter?: ResourceArn | undefined;
}

/** Rows that are listed between two looks at the time. */
const rowsAtOnce = 1_000;

export interface RecordingOptions {
  /** The place at which an earlier call stopped. */
  readonly progress?: RecordingProgress | undefined;
  /** Asked between groups, then between rows, never before the first. @default never */
  readonly shouldStop?: () => boolean;
}

/**
 * Writes what discovery finds into the catalog: a row for each resource, with a problem where its tag names no plan.
 * When all is found, rows of resources that lost their tag are removed; their points stay. Directories are left alone,
 * as no tag selects them, and so are rows that another discovery has written since this one began. Repeatable.
 * @returns what was found, by ARN; or, when the time was up, where another call has to go on.
 */
export async function recordDiscovered(
  { tagged, catalog, clock }: RecordDiscoveredServices,
  plans: Plans,
  { progress, shouldStop = () => false }: RecordingOptions = {},
): Promise<
  | { readonly done: false; readonly progress: RecordingProgress }
  | { readonly done: true; readonly resources: readonly RecordedResource[] }
> {
  const startedAt = progress?.startedAt ?? clock.now();
  const recorded = [...(progress?.recorded ?? [])];
  for await (const { resources, left } of tagged.discover(progress?.left)) {
    const seenAt = clock.now();
    for (const resource of resources) {
      const { tags, ...checked } = withPlanChecked(resource, plans);
      await catalog.resources.put({ ...checked, tags, seenAt });
      recorded.push(checked);
    }
    if (shouldStop()) return { done: false, progress: { startedAt, left, recorded } };
  }
  const found = new Set(recorded.map(({ arn }) => arn));
  const rowsAfter = await removeGone(catalog, found, startedAt, progress?.rowsAfter, shouldStop);
  if (rowsAfter !== undefined)
    return { done: false, progress: { startedAt, left: { rest: [], volumes: {} }, recorded, rowsAfter } };
  return { done: true, resources: recorded.sort((a, b) => (a.arn < b.arn ? -1 : 1)) };
}

/** @returns the last row that was looked at, when the time was up. */
async function removeGone(
  catalog: Catalog,
  found: ReadonlySet<ResourceArn>,
  startedAt: Date,
  after: ResourceArn | undefined,
  shouldStop: () => boolean,
): Promise<ResourceArn | undefined> {
  let [listed, removed, last] = [0, 0, after];
  for await (const { arn, kind, seenAt } of catalog.resources.list(after)) {
    const isGone = kind !== 'directory' && !found.has(arn) && seenAt <= startedAt;
    const isTimeToLook = (isGone && removed > 0) || (listed > 0 && listed % rowsAtOnce === 0);
    if (isTimeToLook && shouldStop()) return last;
    if (isGone) {
      await catalog.resources.remove(arn);
      removed += 1;
    }
    listed += 1;
    last = arn;
  }
  return undefined;
}

function withPlanChecked(resource: TaggedResource, plans: Plans): TaggedResource {
  if (resource.problem !== undefined || plans.some(({ name }) => name === resource.plan)) return resource;
  const names = plans.map(({ name }) => name).join(', ');
  return {
    ...resource,
    problem: `its tag names plan "${resource.plan}", which is not deployed; name one of: ${names}`,
  };
}
