import { type PointId, type ResourceArn, VolumeSnapshot } from '@holdfast/engine';
import {
  DegradedPoint,
  InstanceWishes,
  OverwriteRule,
  type RestoredVolume,
  ShardOutcome,
  VolumeWishes,
} from '@holdfast/engine/model';
import * as z from 'zod';

/** A volume whose snapshot is written out of the vault. */
export const WrittenVolume = z.object({
  volume: z.string(),
  sizeGiB: z.int().positive(),
  /** A snapshot of the volume as it is now: only what differs is written. */
  parent: z
    .object({ snapshot: z.string(), sizeGiB: z.int().positive(), usedBytes: z.int().optional() })
    .optional(),
  /** Absent for one that was not encrypted. Without a key it is the region's own for EBS; with a parent, the parent's. */
  encryption: z.object({ keyArn: z.string().optional() }).optional(),
});
export type WrittenVolume = z.infer<typeof WrittenVolume>;

/** Fields of every restore that makes something of snapshots. */
const ofSnapshots = {
  snapshots: z.array(VolumeSnapshot),
  /** Snapshot → the key that it is encrypted with, which EC2 has to be allowed to use for its volume. */
  keys: z.record(z.string(), z.string()).default({}),
  /** The others are made of the snapshots that the backup took. */
  written: z.array(WrittenVolume).default([]),
  /** The tag of this key would protect what is made. */
  tagKey: z.string(),
};
/** Roles that the deployment may pass to instances. */
const launchRules = { roles: z.array(z.string()) };

const JobTarget = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('bucket'), bucket: z.string(), prefix: z.string() }),
  z.object({ kind: z.literal('volumes'), ...VolumeWishes.shape, ...ofSnapshots }),
  z.object({ kind: z.literal('instance'), wishes: InstanceWishes, ...launchRules, ...ofSnapshots }),
  z.object({ kind: z.literal('ami'), name: z.string(), ...launchRules, ...ofSnapshots }),
]);
export type JobTarget = z.infer<typeof JobTarget>;
export type ImageTarget = Exclude<JobTarget, { kind: 'bucket' }>;

export const RestoreJob = z.object({
  restoreId: z.string(),
  pointId: z.string().transform((text) => text as PointId),
  resourceArn: z.string().transform((text) => text as ResourceArn),
  rootVersionId: z.string(),
  target: JobTarget,
  /** Paths as a person wrote them; within an image, those of directories end in `/`. @default everything */
  paths: z.array(z.string()).optional(),
  overwrite: OverwriteRule,
  /** Reasons to doubt the file systems that files are taken out of. */
  notices: z.array(z.string()).optional(),
  shardCount: z.int().nonnegative(),
  /** The machine is only asked for: nothing is made. */
  isDryRun: z.boolean().optional(),
  degraded: DegradedPoint.optional(),
});
export type RestoreJob = z.infer<typeof RestoreJob>;

export const ShardProgress = z.object({
  next: z.base64(),
  /** Progress within the entry that the next call begins with. */
  begun: z.object({ bytes: z.int(), state: z.unknown() }).optional(),
  outcome: ShardOutcome,
  /** As it was reported: also of what was not written. */
  done: z.object({ files: z.int(), bytes: z.int() }).optional(),
});

export const restoreFiles = {
  job: (restoreId: string) => `restores/${restoreId}/plan.json`,
  /** State of a plan whose call ran out of time. */
  planning: (restoreId: string) => `restores/${restoreId}/planning.json`,
  shards: (restoreId: string) => `restores/${restoreId}/shards.json`,
  results: (restoreId: string) => `restores/${restoreId}/results/`,
  result: (restoreId: string, index: number) => `restores/${restoreId}/results/${index}.json`,
  /** State of a shard whose call ran out of time. */
  progress: (restoreId: string, index: number) => `restores/${restoreId}/progress/${index}.json`,
  /** Mark of a restore that ended without success: nobody goes on with it. */
  over: (restoreId: string) => `restores/${restoreId}/over.json`,
  /** Sum of the first shards' results, while they are being added. */
  sum: (restoreId: string) => `restores/${restoreId}/sum.json`,
  /** State of the plan of volumes that are written, when its call ran out of time. */
  volumePlanning: (restoreId: string) => `restores/${restoreId}/volume-planning.json`,
  /** Snapshots that are being written, by the volume that they are of. */
  snapshots: (restoreId: string) => `restores/${restoreId}/snapshots.json`,
  /** Calls for their blocks that EBS refused at first. */
  throttled: (restoreId: string) => `restores/${restoreId}/throttled.json`,
  volumes: (restoreId: string) => `restores/${restoreId}/volumes.json`,
  /** The progress of the launch of a machine. */
  launch: (restoreId: string) => `restores/${restoreId}/launch.json`,
  machine: (restoreId: string) => `restores/${restoreId}/machine.json`,
} as const;

/** Volume → the snapshot that is written of it. */
export const StartedSnapshots = z.record(z.string(), z.string());
export type StartedSnapshots = z.infer<typeof StartedSnapshots>;

/** The way that a volume came, as the report says it. */
export function wayOf(written: WrittenVolume | undefined): RestoredVolume['from'] {
  if (written === undefined) return 'snapshot';
  return written.parent === undefined ? 'vault' : 'delta';
}

/** SHA-256 of each block that a shard has written, in base64, one behind the other. */
export const WrittenShard = z.object({
  blocks: z.int().nonnegative(),
  sameBlocks: z.int().nonnegative(),
  checksums: z.base64(),
  /** Calls for blocks that EBS refused as one too many. */
  throttledCalls: z.int().nonnegative(),
});
export type WrittenShard = z.infer<typeof WrittenShard>;
