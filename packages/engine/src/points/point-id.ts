import { createHash } from 'node:crypto';
import { toHex } from '../bytes.ts';
import type { PointId, ResourceArn, ResourceKey } from '../ids.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';

/** A time as names carry it: `20261123T003508Z`, whole seconds, UTC. */
export function compactTime(time: Date): string {
  return time
    .toISOString()
    .replace(/\.\d{3}Z$/, 'Z')
    .replaceAll(/[-:]/g, '');
}

/** Ids of one resource sort by source time. */
export function newPointId(sourceTime: Date, random: RandomBytes): PointId {
  return `${compactTime(sourceTime)}-${toHex(random.bytes(8))}` as PointId;
}

/** The name of a resource inside object names. */
export function resourceKeyOf(arn: ResourceArn): ResourceKey {
  return toHex(createHash('sha256').update(arn).digest().subarray(0, 16)) as ResourceKey;
}
