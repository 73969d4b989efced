import { createHash } from 'node:crypto';
import type { ResourceArn, ResourceRow, RunId } from '@holdfast/engine';
import { isImageKind, ResourceKind, resourceArn, runId } from '@holdfast/engine/model';
import * as z from 'zod';

/** Images begin one a second, so that a fleet does not take all of the account's Lambda concurrency at once. */
const imageStartsPerSecond = 1;
/** Longest wait of an image before it begins; a later one waits for another to end anyway. */
const longestStartSeconds = 100;

/**
 * Parts of a cycle, each with a map of its own: images hardly use workers and wait for EC2 for hours, so neither takes
 * up the places of the other.
 */
export const cycleParts = ['files', 'images'] as const;
type CyclePart = (typeof cycleParts)[number];

/** Resources of one part of a cycle, read by the map over them and by the report. */
export const CycleList = z.array(
  z.object({
    resourceArn,
    kind: ResourceKind,
    runId,
    startAfterSeconds: z.int().nonnegative(),
  }),
);
export type CycleList = z.infer<typeof CycleList>;

export function cycleListName(cycleId: string, part: CyclePart): string {
  return `cycles/${cycleId}/${part}.json`;
}

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
