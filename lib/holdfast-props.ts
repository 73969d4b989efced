import type { Code } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';

/**
 * Schedules of cycles: expressions of EventBridge Scheduler, `cron(minutes hours day-of-month month day-of-week year)`
 * or `rate(6 hours)`. When two are due at the same minute, the wider one runs.
 */
export interface BackupSchedules {
  /** Reads everything and starts a new chain. @default - no full but the first point of a resource */
  readonly full?: string;
  /** Reads what changed since the newest point. @default - no incremental */
  readonly incremental?: string;
  /** Reads what changed since the chain's full. @default - no differential */
  readonly differential?: string;
  /** Joins the newest point into one self-contained object; the source is not read. @default - no synthetic full */
  readonly syntheticFull?: string;
}

/** Rules that decide how long points are kept. A point that two rules keep is kept by the longer one. */
export interface BackupRetention {
  /** No point can be deleted before it is this old. */
  readonly keepDays: number;
  /** Number of days of which the first point is kept. @default 0 */
  readonly daily?: number;
  /** Number of weeks, from Monday, of which the first point is kept. @default 0 */
  readonly weekly?: number;
  /** Number of months of which the first point is kept. @default 0 */
  readonly monthly?: number;
  /** Number of years of which the first point is kept. @default 0 */
  readonly yearly?: number;
  /** Number of newest points of a resource that are kept whatever their age. @default 3 */
  readonly minimumPoints?: number;
  /** Points that the calendar keeps beyond both `keepDays` and this many days become containers. @default 100 */
  readonly containerAfterDays?: number;
  /** Storage class of containers. @default 'glacier-instant' */
  readonly archiveClass?: 'glacier-instant' | 'glacier-flexible' | 'deep-archive';
}

/** The part of a bucket that a plan reads. */
export interface BucketSelection {
  /** Only keys that begin with one of these. @default - all keys */
  readonly prefixes?: string[];
  /** Reads tags of objects, at one more request for every object. @default true */
  readonly readTags?: boolean;
}

/** The part of each kind of source that a plan reads. */
export interface SourceSelection {
  /** The part of each bucket. @default - everything */
  readonly s3?: BucketSelection;
}

/** The work that one worker does at a time. Smaller shards spread better, larger ones cost fewer transitions. */
export interface ShardSize {
  /** Files at most. @default 10000 */
  readonly files?: number;
  /** Bytes at most. @default 1073741824 */
  readonly bytes?: number;
}

/** Blocks of volumes, and the snapshots that they are read from. */
export interface ImageBackup {
  /**
   * `vault`: blocks are copied into the vault. `none`: a point is a record of snapshots, which are kept for as long as
   * the point.
   * @default 'vault'
   */
  readonly blocks?: 'vault' | 'none';
  /**
   * The treatment of the snapshot that the next run lists changes against: `keep` it at its price, `re-read` every block
   * instead, or the `cheapest` for each image.
   * @default 'cheapest'
   */
  readonly baseSnapshot?: 'cheapest' | 'keep' | 're-read';
  /** Days for which snapshots are kept beside the blocks, to restore from faster. @default 0 */
  readonly keepSnapshotsDays?: number;
  /** Locks snapshots, in `lockMode`, for as long as they are to be kept. @default false */
  readonly lockSnapshots?: boolean;
}

/** Rules for the resources whose tag names the plan. */
export interface BackupPlan {
  /** The tag's value: 1 to 24 lower-case letters, digits and hyphens. */
  readonly name: string;
  /** At least one that reads the source. */
  readonly schedules: BackupSchedules;
  /** IANA time zone of the schedules and of the calendar of retention. @default 'UTC' */
  readonly timeZone?: string;
  readonly retention: BackupRetention;
  /**
   * A resource whose newest point is older raises an alarm.
   * @default - the longest pause between two cycles that read the source, and a quarter more
   */
  readonly rpoHours?: number;
  /** Parts of sources that are read. @default - everything */
  readonly sources?: SourceSelection;
  /**
   * The time that is spent to store less: `fast` for the shortest run, `max` for the fewest bytes.
   * @default 'default'
   */
  readonly compression?: 'fast' | 'default' | 'max';
  /** The place of volumes' blocks and snapshots. @default - blocks go into the vault, and snapshots go */
  readonly images?: ImageBackup;
  /** Work of one worker at a time. @default - 10,000 files or 1 GiB */
  readonly shard?: ShardSize;
}

/** A vault that outlived its deployment, as the outputs of that deployment's storage name it. */
export interface ExistingVault {
  /** Output VaultBucketName. */
  readonly bucketName: string;
  /** Output KeyArn. */
  readonly keyArn: string;
  /** Output CatalogTableName. */
  readonly catalogTable: string;
  /** Output ChunkIndexTableName. */
  readonly chunkIndexTable: string;
}

/** Buckets on which ABAC is enabled, and of which S3 looks at one more tag. Where there are any, no others are read by tag. */
export interface BucketsByTag {
  /** A name, the beginning of names with an asterisk at the end, or `*`. */
  readonly name: string;
  readonly tag: { readonly key: string; readonly value: string };
}

/**
 * Properties of `Holdfast`. Names of buckets and ARNs of keys are text that is known at synthesis, as the functions
 * read them from a file that is written then.
 */
export interface HoldfastProps {
  /** Plans: what is backed up, when, and for how long it is kept. */
  readonly plans: BackupPlan[];
  /** The key of the tag that opts a resource in; its value names the plan. @default 'holdfast:plan' */
  readonly tagKey?: string;
  /**
   * `governance`: nobody lifts locks, unless the vault's policy is changed first. `compliance`: nobody can, neither the
   * root user nor AWS; closing the account is the only way out.
   * @default 'governance'
   */
  readonly lockMode?: 'governance' | 'compliance';
  /**
   * Buckets that may be read: names, or beginnings of names with an asterisk at the end (`logs-*`), without attribute-based
   * access control (ABAC); or only those on which it is enabled and that carry a certain tag besides. All need the tag of a plan as well.
   * @default - buckets on which ABAC is enabled, and no others
   */
  readonly sourceBuckets?: (string | BucketsByTag)[];
  /** KMS keys of sources that are encrypted with customer managed keys. @default - none */
  readonly sourceKeys?: string[];
  /** Buckets that restores may write to. @default - restores into buckets are refused; volumes are always new */
  readonly restoreBuckets?: string[];
  /** KMS keys that those buckets, or snapshots of volumes, are encrypted with. @default - none */
  readonly restoreKeys?: string[];
  /** Roles that instances may have which restores launch again. @default - none: they are launched without a profile */
  readonly restoreRoles?: string[];
  /** Functions that work at once for each cycle and each restore. A new account may run ten in all. @default 10 */
  readonly workers?: number;
  /** Number of workers that may be for different resources. @default - 2, or 1 of one worker */
  readonly resourcesAtOnce?: number;
  /** Seconds between two looks at snapshots in the making. @default 60 */
  readonly snapshotPollSeconds?: number;
  /**
   * Quota "GetSnapshotBlock requests per account" of the region, and of PutSnapshotBlock, where AWS raised them. Four fifths
   * of it are used.
   * @default - what AWS gives by default: 1,000, or 5,000 in five large regions
   */
  readonly blockQuota?: number;
  /**
   * Daily schedule of expiring points, renewing leases, sweeping packs and verifying a sample.
   * @default 'cron(0 5 * * ? *)'
   */
  readonly maintenanceSchedule?: string;
  /** IANA time zone of `maintenanceSchedule`. @default 'UTC' */
  readonly maintenanceTimeZone?: string;
  /** Address that alarms go to, once it confirmed the subscription. @default - nobody but who subscribes to `topic` */
  readonly alarmEmail?: string;
  /**
   * Public half, in PEM, of an RSA key pair of 3,072 bits or more whose owner can open the vault when its KMS key is
   * gone.
   * @default - nobody
   */
  readonly offlinePublicKey?: string;
  /** A vault to go on with. @default - a vault, its key and its tables are made */
  readonly existingVault?: ExistingVault;
  /**
   * Scope in which vault, key, tables and roles are made, such as a stack that is protected from termination. To be
   * decided before the first deployment: made elsewhere, they are new ones.
   * @default - within this construct
   */
  readonly storageScope?: Construct;
  /**
   * Scope in which alarms, topic and dashboard are made. Not the stack of `storageScope`: they name the workflows,
   * which name what is there.
   * @default - within this construct
   */
  readonly monitoringScope?: Construct;
  /**
   * The handlers of all functions.
   * @default - bundled by esbuild out of this checkout
   * @internal
   */
  readonly handlerCode?: Code;
}
