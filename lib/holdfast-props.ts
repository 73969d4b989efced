import type { Code } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';

/**
 * When cycles run: expressions of EventBridge Scheduler, `cron(minutes hours day-of-month month day-of-week year)` or
 * `rate(6 hours)`. When two are due at the same minute, the wider one runs.
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

/** How long points are kept. A point that two rules keep is kept by the longer one. */
export interface BackupRetention {
  /** No point can be deleted before it is this old. */
  readonly keepDays: number;
  /** For so many days, the first point of each is kept. @default 0 */
  readonly daily?: number;
  /** For so many weeks from Monday, the first point of each is kept. @default 0 */
  readonly weekly?: number;
  /** For so many months, the first point of each is kept. @default 0 */
  readonly monthly?: number;
  /** For so many years, the first point of each is kept. @default 0 */
  readonly yearly?: number;
  /** So many newest points of a resource are kept whatever their age. @default 3 */
  readonly minimumPoints?: number;
  /** What the calendar keeps beyond `keepDays` and this many days becomes a container of its own. @default 100 */
  readonly containerAfterDays?: number;
  /** Storage class of containers. @default 'glacier-instant' */
  readonly archiveClass?: 'glacier-instant' | 'glacier-flexible' | 'deep-archive';
}

/** What a plan reads of buckets. */
export interface BucketSelection {
  /** Only keys that begin with one of these. @default - all keys */
  readonly prefixes?: string[];
  /** Whether tags of objects are read: one more request for every object. @default true */
  readonly readTags?: boolean;
}

/** What a plan reads of each kind of source. */
export interface SourceSelection {
  /** Of buckets. @default - everything */
  readonly s3?: BucketSelection;
}

/** What one worker does at a time. Smaller shards spread better, larger ones cost fewer transitions. */
export interface ShardSize {
  /** Files at most. @default 10000 */
  readonly files?: number;
  /** Bytes at most. @default 1073741824 */
  readonly bytes?: number;
}

/** What is done with the resources whose tag names the plan. */
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
  /** What is read. @default - everything */
  readonly sources?: SourceSelection;
  /** What one worker does at a time. @default - 10,000 files or 1 GiB */
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

/**
 * Properties of `Holdfast`. Names of buckets and ARNs of keys are text that is known at synthesis, as the functions
 * read them from a file that is written then.
 */
export interface HoldfastProps {
  /** What is backed up, when, and for how long it is kept. */
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
   * Buckets that may be read without attribute-based access control (ABAC). They need the tag as well.
   * @default - tagged buckets on which ABAC is enabled, and no others
   */
  readonly sourceBuckets?: string[];
  /** KMS keys of sources that are encrypted with customer managed keys. @default - none */
  readonly sourceKeys?: string[];
  /** Buckets that restores may write to. @default - restores into buckets are refused; volumes are always new */
  readonly restoreBuckets?: string[];
  /** KMS keys that those buckets, or snapshots of volumes, are encrypted with. @default - none */
  readonly restoreKeys?: string[];
  /** Functions that work at once for each cycle and each restore. A new account may run ten in all. @default 10 */
  readonly workers?: number;
  /** How many of them are for different resources. @default - 2, or 1 of one worker */
  readonly resourcesAtOnce?: number;
  /** How often snapshots in the making are looked at. @default 60 */
  readonly snapshotPollSeconds?: number;
  /** When points expire, leases are renewed, packs swept and a sample verified, daily. @default 'cron(0 5 * * ? *)' */
  readonly maintenanceSchedule?: string;
  /** IANA time zone of `maintenanceSchedule`. @default 'UTC' */
  readonly maintenanceTimeZone?: string;
  /** Told of alarms, once the subscription is confirmed. @default - nobody but who subscribes to `topic` */
  readonly alarmEmail?: string;
  /**
   * Who can open the vault when its KMS key is gone: the public half, in PEM, of an RSA key pair of 3,072 bits or more.
   * @default - nobody
   */
  readonly offlinePublicKey?: string;
  /** A vault to go on with. @default - a vault, its key and its tables are made */
  readonly existingVault?: ExistingVault;
  /**
   * Where vault, key, tables and roles are made, such as a stack that is protected from termination. To be decided
   * before the first deployment: made elsewhere, they are new ones.
   * @default - within this construct
   */
  readonly storageScope?: Construct;
  /**
   * Where alarms, topic and dashboard are made. Not in the stack of `storageScope`: they name the workflows, which name
   * what is there.
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
