import type {
  CloudWatchMetrics,
  Ec2Images,
  Ec2Launches,
  EndedExecutions,
  S3RestoreTarget,
  StateMachine,
  TaggedResources,
} from '@holdfast/aws';
import type {
  AuditLog,
  Catalog,
  CatalogReader,
  ChunkIndex,
  Clock,
  FileSource,
  Keyring,
  ObjectLock,
  ObjectStore,
  ProgressReports,
  RandomBytes,
  ResourceArn,
  ResourceRow,
  RestoreTarget,
  SharedRecords,
  SnapshotWriter,
  WorkStore,
} from '@holdfast/engine';
import type { DeployedConfiguration, Plan } from '@holdfast/engine/model';
import type { Logger } from './logger.ts';
import type { Needs } from './needs.ts';
import type { OpenedBlocks } from './open-blocks.ts';
import type { OpenKeys } from './open-vault-once.ts';

export type Metrics = Pick<CloudWatchMetrics, 'put'>;

interface EveryStep {
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly log: Logger;
}

/** Services, if a step's needs are of that shape. */
type If<N extends Needs, Shape, Services> = N extends Shape ? Services : unknown;

type VaultServices<N extends Needs> = If<N, { vault: object }, { readonly store: Pick<ObjectStore, 'now'> }> &
  If<N, { vault: { read: 'sealed' | 'opened' } }, { readonly store: ObjectStore }> &
  If<N, { vault: { read: 'opened' } }, { readonly keyring: Keyring; readonly openKeys: OpenKeys }> &
  If<
    N,
    { vault: { write: object } | { renew: true } | { hold: true } | { audit: true } },
    { readonly lockMode: ObjectLock['mode'] }
  > &
  If<N, { vault: { audit: true } }, { readonly audit: Pick<AuditLog, 'append'> }>;

type SourceServices<N extends Needs> = If<
  N,
  { sources: 'find' },
  { readonly tagged: Pick<TaggedResources, 'discover'> }
> &
  If<
    N,
    { sources: 'list' | 'read' },
    {
      readonly openSource: (
        resource: { readonly arn: ResourceArn; readonly kind: ResourceRow['kind'] },
        plan: Plan,
      ) => FileSource;
    }
  >;

type TargetServices<N extends Needs> = If<
  N,
  { targets: 'look' | 'write' },
  { readonly targetBuckets: readonly string[] }
> &
  If<
    N,
    { targets: 'look' },
    {
      /** Throws when the bucket cannot be written to. */
      readonly checkBucket: (bucket: string) => Promise<void>;
      readonly region: string | undefined;
      readonly restoreWorkers: number;
      /** Roles that may be passed to instances. */
      readonly restoreRoles: readonly string[];
      readonly tagKey: string;
    }
  > &
  If<N, { targets: 'write' }, { readonly openTarget: (bucket: string, prefix: string) => RestoreTarget }> &
  If<
    N,
    { targets: 'end-uploads' },
    { readonly openUploads: (bucket: string) => Pick<S3RestoreTarget, 'giveUp'> }
  >;

interface ImageServices {
  readonly see: Pick<Ec2Images, 'describeSnapshots'>;
  readonly plan: Pick<Ec2Images, 'describeSnapshots' | 'findZones'>;
  readonly take: Pick<
    Ec2Images,
    | 'getMachine'
    | 'getVolume'
    | 'createMachineSnapshots'
    | 'createVolumeSnapshot'
    | 'findSnapshots'
    | 'removeSnapshot'
  >;
  readonly seal: Pick<Ec2Images, 'describeSnapshots' | 'getMachineAttributes'>;
  readonly release: Pick<
    Ec2Images,
    'findSnapshotsOfVolumes' | 'findTaggedSnapshots' | 'findLocks' | 'lockSnapshot' | 'removeSnapshot'
  >;
  readonly remove: Pick<Ec2Images, 'findSnapshots' | 'removeSnapshot'>;
  readonly restore: Pick<Ec2Images, 'createVolume' | 'describeVolumes'>;
  readonly launch: Pick<Ec2Images, 'describeSnapshots'>;
  readonly clear: Pick<Ec2Images, 'findSnapshots' | 'findVolumes' | 'removeSnapshot'>;
}

/** Part of a machine that each need is given: `follow` gets only its ARN. */
interface MachineServices {
  readonly start: Pick<StateMachine, 'start'>;
  readonly recall: Pick<StateMachine, 'lastSuccess'>;
  readonly follow: string;
}

type MachinesOf<N extends Needs> = N extends { machines: infer Named }
  ? {
      readonly machines: {
        readonly [Name in keyof Named]: Named[Name] extends keyof MachineServices
          ? MachineServices[Named[Name]]
          : never;
      };
    } & ('follow' extends Named[keyof Named]
      ? { readonly executions: Pick<EndedExecutions, 'findFailed' | 'listFailed'> }
      : unknown)
  : unknown;

/** Services that a step's code is given: those that it asked for, and no others. */
export type StepServices<N extends Needs> = EveryStep &
  VaultServices<N> &
  SourceServices<N> &
  TargetServices<N> &
  MachinesOf<N> &
  If<N, { work: object }, { readonly work: WorkStore; readonly workBucket: string }> &
  If<N, { catalog: 'use' }, { readonly catalog: Catalog }> &
  If<N, { catalog: 'read' }, { readonly catalog: CatalogReader }> &
  If<N, { images: 'release' }, { readonly lockMode: ObjectLock['mode'] }> &
  If<N, { shared: true }, { readonly shared: SharedRecords }> &
  If<N, { progress: true }, { readonly progress: Pick<ProgressReports, 'report'> }> &
  If<N, { blocks: string } | { snapshots: 'write' }, Pick<OpenedBlocks, 'blocks' | 'throttledCalls'>> &
  If<N, { index: string }, { readonly index: ChunkIndex }> &
  If<N, { plans: true }, { readonly plans: DeployedConfiguration['plans'] }> &
  If<N, { configuration: true }, { readonly configuration: DeployedConfiguration }> &
  If<N, { images: 'launch' }, { readonly launches: Pick<Ec2Launches, keyof Ec2Launches> }> &
  If<
    N,
    { images: 'clear' },
    {
      readonly launches: Pick<Ec2Launches, 'findImage' | 'findInstance' | 'findLaunched' | 'deregisterImage'>;
    }
  > &
  If<N, { ownBuckets: true }, { readonly ownBuckets: readonly string[] }> &
  If<N, { deadLetters: 'count' }, { readonly countDeadLetters: () => Promise<number> }> &
  (N extends { snapshots: infer Use extends keyof SnapshotWriter }
    ? { readonly snapshots: Pick<SnapshotWriter, Use> }
    : unknown) &
  (N extends { images: infer Use extends keyof ImageServices }
    ? { readonly images: ImageServices[Use] }
    : unknown);

/** The same, with what only the runtime uses. */
export type GivenServices<N extends Needs> = StepServices<N> &
  If<N, { metrics: true }, { readonly metrics: Metrics }>;
