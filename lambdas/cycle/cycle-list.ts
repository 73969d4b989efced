import { createHash } from 'node:crypto';
import type { ResourceArn, ResourceRow, RunId } from '@holdfast/engine';
import { isImageKind, ResourceKind, resourceArn, runId } from '@holdfast/engine/model';
import * as z from 'zod';

/** Images begin one a second, so that a fleet does not take all of the account's Lambda concurrency at once. */
const imageStartsPerSecond = 1;
/** No image waits for longer until it begins: one that comes later than these waits for another to end anyway. */
const longestStartSeconds = 100;

/**
 * What resources of a cycle are worked off together. Images hardly use workers and wait for EC2 for hours, so they have a
 * map of their own: neither takes up the places of the other.
 */
export const cycleParts = ['files', 'images'] as const;
type CyclePart = (typeof cycleParts)[number];

/** The resources of one part of a cycle, as the map over them and the report read them. */
export const CycleList = z.array(
  z.object({
    resourceArn,
    kind: ResourceKind,
    runId,
    /** How long the resource waits until it begins. */
    startAfterSeconds: z.int().nonnegative(),
  }),
);
export type CycleList = z.infer<typeof CycleList>;

/** Where a list of a cycle lies in the work bucket. */
export function cycleListName(cycleId: string, part: CyclePart): string {
  return `cycles/${cycleId}/${part}.json`;
}

/** The lists of a cycle. */
export function cycleListsOf(
  cycleId: string,
  resources: readonly Pick<ResourceRow, 'arn' | 'kind'>[],
): Readonly<Record<CyclePart, CycleList>> {
  const lists: Record<CyclePart, CycleList> = { files: [], images: [] };
  for (const { arn, kind } of resources) {
    const isImage = isImageKind(kind);
    const list = lists[isImage ? 'images' : 'files'];
    const startAfterSeconds = isImage
      ? Math.min(Math.floor(list.length / imageStartsPerSecond), longestStartSeconds)
      : 0;
    list.push({ resourceArn: arn, kind, runId: runIdOf(cycleId, arn), startAfterSeconds });
  }
  return lists;
}

/** The run of a resource in a cycle: the same however often the cycle's steps are repeated. */
function runIdOf(cycleId: string, arn: ResourceArn): RunId {
  return createHash('sha256').update(`${cycleId}\n${arn}`).digest('hex').slice(0, 32) as RunId;
}
