import * as z from 'zod';
import { ErrorRecord } from '../error-record.ts';

/** Makes arrays and objects of a parsed document read-only. */
type Read<Document> = {
  readonly [Field in keyof Document]: Document[Field] extends readonly (infer One)[] | undefined
    ? Exclude<Document[Field], readonly One[]> | readonly Readonly<One>[]
    : Document[Field];
};

/**
 * A fact of an entry that a target cannot hold as the point has it. `set-id`: the set-user-id and set-group-id bits;
 * `time`: of modification; `headers`: those of an object's content; `xattrs`: extended attributes; `hard-links`: names of
 * one file, which became files of their own; `special-files`: sockets, pipes and devices, which are not made.
 */
export const UnkeptFact = z.enum([
  'mode',
  'set-id',
  'owner',
  'time',
  'headers',
  'metadata',
  'tags',
  'storage-class',
  'xattrs',
  'hard-links',
  'special-files',
]);
export type UnkeptFact = z.infer<typeof UnkeptFact>;

/** An entry that could not be restored, and why: damage is limited to the files that it hits. */
export const FailedFile = ErrorRecord.extend({ path: z.string() });
export type FailedFile = Readonly<z.infer<typeof FailedFile>>;

const counts = {
  /** Entries of the range. */
  files: z.int(),
  /** Content bytes of entries that were written. */
  bytes: z.int(),
  written: z.int(),
  /** Entries left as the target had them, because the rule says so, though they differ, or cannot be told to be the same. */
  kept: z.int(),
  keptFiles: z.array(z.string()),
  /** Entries that were identical already. */
  same: z.int(),
  /** Facts of written entries that the target could not keep: the number of entries that lack one, and an example. */
  unkept: z.array(z.object({ fact: UnkeptFact, entries: z.int(), example: z.string() })),
};

export const ShardOutcome = z.object({
  ...counts,
  failed: z.array(FailedFile),
  /** Entries whose content is older than the point, because the run could not read them. */
  carried: z.array(z.object({ path: z.string(), from: z.string() })),
});
export type ShardOutcome = Read<z.infer<typeof ShardOutcome>>;

export const FilesReport = z.object({
  ...counts,
  failed: z.int(),
  /** Restored as an earlier point had them, because this one could not read them. */
  carried: z.int(),
  /** Only the first of them. */
  failedFiles: z.array(FailedFile),
});
export type FilesReport = Read<z.infer<typeof FilesReport>>;

/** Entries that a point could not read, and the point that lacks nothing. */
export const DegradedPoint = z.object({
  unread: z.object({ carried: z.int(), missing: z.int() }),
  /** Absent where the resource has none. */
  cleanPoint: z.string().optional(),
  /** The same in words, for people. */
  meaning: z.string(),
});
export type DegradedPoint = z.infer<typeof DegradedPoint>;

export const RestoredVolume = z.object({
  volumeId: z.string(),
  snapshotId: z.string(),
  sourceVolumeId: z.string(),
  /** The volume's place in the instance. */
  device: z.string().optional(),
  sizeGiB: z.number(),
  keyId: z.string().optional(),
  orderedAt: z.iso.datetime(),
  /** Names of the original's tags for which there was no room. */
  tagsLeftOff: z.array(z.string()).default([]),
  /**
   * `snapshot`: made of the snapshot that the backup took; `vault`: of one that was written out of the vault, and is
   * removed in the end; `delta`: likewise, as the difference to another.
   */
  from: z.enum(['snapshot', 'vault', 'delta']).default('snapshot'),
});
export type RestoredVolume = Readonly<z.infer<typeof RestoredVolume>>;

/** A machine that was launched again, and what of it is not as it was. */
export const LaunchedInstance = z.object({
  instanceId: z.string(),
  state: z.string(),
  type: z.string(),
  availabilityZone: z.string(),
  privateIpAddress: z.string().optional(),
  publicIpAddress: z.string().optional(),
});
export type LaunchedInstance = Readonly<z.infer<typeof LaunchedInstance>>;

/** The findings about a launch before anything is made. */
export const LaunchCheck = z.object({
  /** Obstacles, each with what to do about it. */
  problems: z.array(z.string()),
  /** Facts of the machine that will not be as they were. */
  differences: z.array(z.string()),
  /** Questions that nobody can answer beforehand. */
  unknown: z.array(z.string()),
});
export type LaunchCheck = Read<z.infer<typeof LaunchCheck>>;

/**
 * `completed-with-failures`: entries were left out; `completed-with-warnings`: some are older than the point or lack
 * something; `cancelled`: a command stopped it, and what it had written stays; `recorded`: somebody's own process
 * restores, and reports to nobody how it ended.
 */
export const RestoreState = z.enum([
  'running',
  'completed',
  'completed-with-warnings',
  'completed-with-failures',
  'failed',
  'cancelled',
  'recorded',
]);
export type RestoreState = z.infer<typeof RestoreState>;

/** The output of the restore state machine, of files or of volumes, as a person reads it. */
export const RestoreReport = z.object({
  ...FilesReport.partial().shape,
  restoreId: z.string(),
  state: RestoreState,
  point: z.string().optional(),
  target: z.string().optional(),
  /** Only for a point that could not read everything. */
  degraded: DegradedPoint.optional(),
  /** Reasons to doubt the file systems of an image that files were taken out of. */
  notices: z.array(z.string()).optional(),
  /** Each shard's own account, with all files that failed. */
  details: z.object({ bucket: z.string(), prefix: z.string() }).optional(),
  volumes: z.array(RestoredVolume).optional(),
  /** Calls for blocks that EBS refused as one too many, and that were made again. Only of volumes that came out of the vault. */
  throttledCalls: z.int().optional(),
  instance: LaunchedInstance.optional(),
  /** The AMI of the restore; one that was only for a launch is deregistered. */
  ami: z
    .object({
      imageId: z.string(),
      name: z.string(),
      isKept: z.boolean(),
      /** Written out of the vault for one that is kept: they stay, and cost, until somebody deletes them with it. */
      snapshots: z.array(z.string()).optional(),
    })
    .optional(),
  /** Written out of the vault, and not removed, as EC2 refused: they cost until somebody deletes them. */
  snapshotsLeft: z.array(z.string()).optional(),
  /** Facts of the machine that are not as they were. */
  differences: z.array(z.string()).optional(),
  /** The configuration of the instance that the volumes belonged to, if they did. */
  machine: z.object({ bucket: z.string(), key: z.string() }).optional(),
  error: ErrorRecord.optional(),
});
export type RestoreReport = Read<z.infer<typeof RestoreReport>>;
