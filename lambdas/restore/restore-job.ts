import { createHash } from 'node:crypto';
import { type PointId, type ResourceArn, VolumeSnapshot } from '@holdfast/engine';
import * as z from 'zod';

/** What a restore writes: objects into a bucket, or volumes from snapshots. */
const JobTarget = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('bucket'), bucket: z.string(), prefix: z.string() }),
  z.object({
    kind: z.literal('volumes'),
    availabilityZone: z.string(),
    type: z.string().optional(),
    iops: z.int().optional(),
    throughput: z.int().optional(),
    snapshots: z.array(VolumeSnapshot),
    /** Snapshot → the key that it is encrypted with, and that EC2 has to be let use for its volume. */
    keys: z.record(z.string(), z.string()).default({}),
  }),
]);
export type JobTarget = z.infer<typeof JobTarget>;

/** What a point could not read, and the point that lacks nothing. */
const DegradedPoint = z.object({
  unread: z.object({ carried: z.int(), missing: z.int() }),
  /** Absent where the resource has none. */
  cleanPoint: z.string().optional(),
  /** The same for people. */
  meaning: z.string(),
});
export type DegradedPoint = z.infer<typeof DegradedPoint>;

/** A restore as it was checked and planned: all its workers go by it. */
export const RestoreJob = z.object({
  restoreId: z.string(),
  pointId: z.string().transform((text) => text as PointId),
  resourceArn: z.string().transform((text) => text as ResourceArn),
  rootVersionId: z.string(),
  target: JobTarget,
  /** What is restored, as a person wrote it. @default everything */
  paths: z.array(z.string()).optional(),
  overwrite: z.enum(['never', 'if-different', 'always']),
  shardCount: z.int().nonnegative(),
  degraded: DegradedPoint.optional(),
});
export type RestoreJob = z.infer<typeof RestoreJob>;

/** What a restore shard came to, as its worker leaves it. */
export const ShardOutcome = z.object({
  files: z.int(),
  bytes: z.int(),
  written: z.int(),
  kept: z.int(),
  keptFiles: z.array(z.string()),
  same: z.int(),
  failed: z.array(z.object({ path: z.string(), name: z.string(), message: z.string() })),
  carried: z.array(z.object({ path: z.string(), from: z.string() })),
  unkept: z.array(
    z.object({
      fact: z.enum(['mode', 'set-id', 'owner', 'time', 'headers', 'metadata', 'tags', 'storage-class']),
      entries: z.int(),
      example: z.string(),
    }),
  ),
});

export type ShardOutcome = z.infer<typeof ShardOutcome>;

/** Where the restore of a shard stands, as one call leaves it to the next. */
export const ShardProgress = z.object({
  next: z.base64(),
  /** How far the entry is that the next call begins with. */
  begun: z.object({ bytes: z.int(), state: z.unknown() }).optional(),
  outcome: ShardOutcome,
});

/** A volume that a restore ordered. */
export const RestoredVolume = z.object({
  volumeId: z.string(),
  snapshotId: z.string(),
  /** The volume that the snapshot was taken of. */
  sourceVolumeId: z.string(),
  /** Where the instance had it. */
  device: z.string().optional(),
  sizeGiB: z.number(),
  /** The key of its snapshot. */
  keyId: z.string().optional(),
  orderedAt: z.iso.datetime(),
  /** Names of tags of the original for which there was no room. */
  tagsLeftOff: z.array(z.string()),
});
export type RestoredVolume = z.infer<typeof RestoredVolume>;

/** The id of the restore that an execution does: known even when its plan failed. */
export function restoreIdOf(execution: string): string {
  return createHash('sha256').update(execution).digest('hex').slice(0, 32);
}

/** Where the working files of a restore lie. */
export const restoreFiles = {
  job: (restoreId: string) => `restores/${restoreId}/plan.json`,
  /** Of a plan whose time was up. */
  planning: (restoreId: string) => `restores/${restoreId}/planning.json`,
  shards: (restoreId: string) => `restores/${restoreId}/shards.json`,
  results: (restoreId: string) => `restores/${restoreId}/results/`,
  result: (restoreId: string, index: number) => `restores/${restoreId}/results/${index}.json`,
  /** Of a shard whose time was up. */
  progress: (restoreId: string, index: number) => `restores/${restoreId}/progress/${index}.json`,
  /** What the results of the first shards add up to, while they are being added. */
  sum: (restoreId: string) => `restores/${restoreId}/sum.json`,
  volumes: (restoreId: string) => `restores/${restoreId}/volumes.json`,
  machine: (restoreId: string) => `restores/${restoreId}/machine.json`,
} as const;
