import { createHash } from 'node:crypto';
import type { ResourceArn, RunId } from '@holdfast/engine';
import * as z from 'zod';
import { resourceArn, resourceKind, runId } from '../shared/event-fields.ts';

/** The resources of one cycle, as the map over them and the report read it. */
export const CycleList = z.array(z.object({ resourceArn, kind: resourceKind, runId }));
export type CycleList = z.infer<typeof CycleList>;

/** Where a cycle's list lies in the work bucket. */
export function cycleListName(cycleId: string): string {
  return `cycles/${cycleId}/resources.json`;
}

/** The run of a resource in a cycle: the same however often the cycle's steps are repeated. */
export function runIdOf(cycleId: string, arn: ResourceArn): RunId {
  return createHash('sha256').update(`${cycleId}\n${arn}`).digest('hex').slice(0, 32) as RunId;
}
