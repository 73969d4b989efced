import {
  backUpFiles,
  BufferPool,
  type BlockSource,
  type CommittedPoint,
  commitPoint,
  consolidatePoint,
  type InventoryItem,
  type Keyring,
  newId,
  openRun,
  type PointId,
  type PointRow,
  type ResourceArn,
  type ResourceRow,
  type RunId,
  type RunRow,
  TargetUnavailableError,
  UnknownNameError,
  type WriteServices,
} from '@holdfast/engine';
import type { BlockQuotas, SourceFacts } from '@holdfast/aws/inventory';
import {
  type BackupType,
  cancelledError,
  defaultImageSettings,
  type DeployedConfiguration,
  productVersion,
  type Plans,
  RetentionRules,
  type RestoreReport,
} from '@holdfast/engine/model';
import {
  FakeClock,
  MemoryCatalog,
  MemoryBlockSource,
  MemoryChunkIndex,
  MemoryKeyring,
  MemoryObjectStore,
  MemorySnapshotWriter,
  MemorySource,
  type MemoryTargetBucket,
  MemoryWorkStore,
  type PlantedVolume,
  putImagePoint,
  putSnapshotPoint,
  SeededRandom,
} from '@holdfast/engine/testing';
import {
  type CliIo,
  type ConnectOptions,
  type Executions,
  type ExecutionState,
  type InventoryPart,
  type ListedExecution,
  type Machine,
  type NamedExecution,
  runCli,
} from '../src/index.ts';
import { checkAnswer } from './check-answer.ts';
import type { ConnectedRoles } from '../src/deployment/connection.ts';
import type { StackTemplate } from '../src/doctor/stack-template.ts';

/** All deployments of a test file share buffers: those for packs are many times larger than what tests store. */
const buffers = new BufferPool();

/** State machines in memory: an execution is over when a test says so. */
class MemoryExecutions implements Executions {
  readonly started: { machine: Machine; name: string; input: unknown }[] = [];
  readonly stopped: string[] = [];
  readonly #states = new Map<string, ExecutionState>();
  /** Called on every look, before the answer: what the machine does meanwhile. */
  onLook: (execution: string, look: number) => Promise<void> = async () => {};
  cycles: readonly ListedExecution[] | Error = [];
  /** The progress of every execution. */
  parts: { done: number; total: number } | undefined;
  /** Why nothing may be started. */
  refusal: Error | undefined;
  #looks = 0;

  async start(machine: Machine, name: string, input: unknown): Promise<string> {
    if (this.refusal !== undefined) throw this.refusal;
    const arn = `arn:aws:states:eu-west-1:111122223333:execution:${machine}:${name}`;
    this.started.push({ machine, name, input: JSON.parse(JSON.stringify(input)) as unknown }); // as it arrives
    this.#states.set(arn, { status: 'running', input: JSON.stringify(input) });
    return arn;
  }

  async find(machine: Machine, name: string): Promise<NamedExecution | undefined> {
    const execution = `arn:aws:states:eu-west-1:111122223333:execution:${machine}:${name}`;
    const state = this.#states.get(execution);
    return state && { execution, state };
  }

  async get(execution: string): Promise<ExecutionState> {
    await this.onLook(execution, ++this.#looks);
    const state = this.#states.get(execution);
    if (state === undefined) throw new UnknownNameError(`execution ${execution} does not exist`);
    return state;
  }

  async stop(execution: string, cause: string): Promise<void> {
    this.stopped.push(execution);
    this.end(execution, { status: 'stopped', error: cancelledError, cause });
  }

  async findParts(): Promise<{ readonly done: number; readonly total: number } | undefined> {
    return this.parts;
  }

  async list(): Promise<readonly ListedExecution[]> {
    if (this.cycles instanceof Error) throw this.cycles;
    return this.cycles;
  }

  /** From now on every execution has succeeded when it is first looked at. */
  succeed(): void {
    this.onLook = async (execution) => this.end(execution, { status: 'succeeded' });
  }

  /** From now on every execution has succeeded at its third look, with that report. */
  report(report: Partial<RestoreReport> & { readonly news?: unknown }): void {
    this.onLook = async (execution, look) => {
      if (look === 3) this.end(execution, { status: 'succeeded', output: JSON.stringify({ report }) });
    };
  }

  end(execution: string, state: ExecutionState): void {
    this.#states.set(execution, { input: this.#states.get(execution)?.input, ...state });
  }
}

/** A store whose disks lose bits when a test says so. */
class DecayingStore extends MemoryObjectStore {
  readonly #damages: { readonly prefix: string; readonly at: number }[] = [];

  /** From now on one bit of every object under a prefix reads wrong. */
  decay(prefix: string, at: number): void {
    this.#damages.push({ prefix, at });
  }

  override async get(...[name, options = {}]: Parameters<MemoryObjectStore['get']>): Promise<Uint8Array> {
    const bytes = (await super.get(name, options)).slice();
    for (const { prefix, at } of this.#damages) {
      const index = at - (options.range?.offset ?? 0);
      const byte = bytes[index];
      if (name.startsWith(prefix) && byte !== undefined) bytes[index] = byte ^ 1;
    }
    return bytes;
  }
}

/** What a command line came to. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export const bucketArn = 'arn:aws:s3:::photos' as ResourceArn;
export const volumeArn = 'arn:aws:ec2:eu-west-1:111122223333:volume/vol-0a1' as ResourceArn;

export const dailyPlan: Plans[number] = {
  name: 'daily',
  schedules: {},
  retention: RetentionRules.parse({ keepDays: 30 }),
  rpoHours: 30,
  readTags: true,
  prefixes: [],
  compression: 'default',
  images: defaultImageSettings,
  shard: { files: 1000, bytes: 2 ** 30 },
};

function marked(tone: string, text: string): string {
  return `<${tone}>${text}</>`;
}

/** The command line over a deployment in memory. */
export class CliUnderTest {
  readonly clock = new FakeClock('2026-11-23T12:00:00.000Z');
  readonly random = new SeededRandom('cli');
  catalog = new MemoryCatalog();
  readonly store = new DecayingStore({ clock: this.clock });
  keyring: Keyring = new MemoryKeyring(this.random);
  readonly executions = new MemoryExecutions();
  readonly source = new MemorySource(this.clock);
  abort = new AbortController();
  plans: Plans | undefined = [dailyPlan];
  /** What restores may write to. */
  restoreBuckets: readonly string[] | undefined = ['b', 'photos'];
  /** Buckets that restores write to, by their names. */
  readonly targets = new Map<string, MemoryTargetBucket>();
  /** Kinds of resources that are no buckets. */
  readonly kinds = new Map<ResourceArn, ResourceRow['kind']>();
  /** Bytes in use on volumes, by their ids. */
  readonly usedBytes = new Map<string, number>();
  /** Facts that resources say of themselves. */
  readonly sourceFacts = new Map<ResourceArn, SourceFacts>();
  configuration: Pick<DeployedConfiguration, 'tagKey' | 'sources'> | undefined = {
    tagKey: 'holdfast:plan',
    sources: { buckets: ['photos'], keys: [] },
  };
  /** Things in the account, or why it may not be looked at. */
  readonly inventory: Partial<Record<InventoryPart, readonly InventoryItem[] | Error>> = {};
  deployedVersion: string | undefined = productVersion;
  blockQuota: number | undefined;
  blockQuotas: BlockQuotas = { read: 5000, write: 5000 };
  /** The account's roles, and who works with them. */
  roles: ConnectedRoles = { find: async () => undefined, findRoleOf: async () => undefined };
  /** Deployed templates, by stack. */
  templates: Readonly<Record<string, StackTemplate>> = {};
  functionsAtOnce = { limit: 1000, unreserved: 900 };
  subscriptions: { confirmed: number; pending: number } | undefined = { confirmed: 1, pending: 0 };
  protection: readonly { readonly what: string; readonly value?: unknown; readonly problem?: string }[] = [];
  errIsTerminal = false;
  /** A person's answer to every question; absent where nobody can be asked. */
  answer: string | undefined;
  /** Colours of a terminal, as `<bad>`; none in a pipe. */
  hasColours = false;
  env: Record<string, string> = {};
  /** Where names are kept for a shell; nowhere, unless a test says so. */
  names: CliIo['names'];
  /** What each command connected with. */
  readonly connected: ConnectOptions[] = [];
  /** Buckets that were opened without a deployment. */
  readonly opened: string[] = [];
  /** Places of snapshots that were written without a deployment, and the snapshots. */
  readonly openedWriters: { readonly region: string; readonly profile: string | undefined }[] = [];
  readonly written = new MemorySnapshotWriter();
  closed = 0;
  /** Snapshots that EBS has. */
  readonly snapshots = new Set<string>();
  /** Their blocks; absent where there is no EBS. */
  blocks: BlockSource | undefined;
  index = new MemoryChunkIndex();
  readonly work = new MemoryWorkStore();
  readonly #request = { resourceKind: 's3-bucket', plan: 'daily', keepDays: 30, readTags: true } as const;

  async run(...argv: string[]): Promise<Outcome> {
    let out = '';
    let err = '';
    const code = await runCli(argv, {
      out: async (output) =>
        void (out += typeof output === 'string' ? output : Buffer.from(output).toString()),
      err: (text) => void (err += text),
      errIsTerminal: this.errIsTerminal,
      ask:
        this.answer === undefined
          ? undefined
          : async (question) => {
              err += question;
              return this.answer;
            },
      ...(this.hasColours && { paint: { out: marked, err: marked } }),
      names: this.names,
      env: this.env,
      clock: this.clock,
      signal: this.abort.signal,
      version: '1.2.3',
      connectStorage: () => ({
        openBucket: (name) => {
          this.opened.push(name);
          return this.store;
        },
        keyring: this.keyring,
        openSnapshotWriter: async (region, profile) => {
          this.openedWriters.push({ region, profile });
          return this.written;
        },
        close: () => void this.closed++,
      }),
      connect: async (options) => {
        this.connected.push(options);
        const { store, catalog, keyring, clock, random } = this;
        return {
          services: { store, catalog, keyring, clock, random },
          openChunkIndex: async () => this.index,
          openWork: () => this.work,
          openTarget: (bucket) => {
            const target = this.targets.get(bucket);
            if (target === undefined) throw new TargetUnavailableError(`bucket ${bucket} does not exist`);
            return target;
          },
          executions: this.executions,
          snapshots: {
            describeSnapshots: async (ids) =>
              ids.flatMap((snapshotId) =>
                this.snapshots.has(snapshotId) ? [{ snapshotId, state: 'completed' }] : [],
              ),
          },
          openSnapshots: this.blocks && (async () => this.blocks ?? new MemoryBlockSource(clock)),
          sources: {
            kindOf: (arn) =>
              arn.startsWith('arn:aws:s3:::') ? 's3-bucket' : this.kinds.get(arn as ResourceArn),
            openFiles: () => this.source,
            listVolumes: async () => [{ volumeId: 'vol-0a1', sizeGiB: 8 }],
            findUsedBytes: async () => this.usedBytes,
          },
          tags: {
            arnOf: async (name) => (name.startsWith('arn:') ? name : `arn:aws:s3:::${name}`) as ResourceArn,
            look: async (arn) => {
              const facts = this.sourceFacts.get(arn);
              if (facts === undefined) throw new UnknownNameError(`there is no ${arn}`);
              return facts;
            },
            put: async (arn, key, value) => {
              const facts = this.sourceFacts.get(arn) ?? { tags: {}, isDecidedByTag: true, customerKeys: [] };
              this.sourceFacts.set(arn, { ...facts, tags: { ...facts.tags, [key]: value } });
            },
          },
          inventory: {
            list: (part) => {
              const found = this.inventory[part] ?? [];
              if (found instanceof Error) throw found;
              return (async function* () {
                yield* found;
              })();
            },
            findOwn: async () => new Set(['arn:aws:s3:::vault-bucket' as ResourceArn]),
          },
          deployment: {
            vaultBucket: 'vault-bucket',
            region: 'eu-west-1',
            findPlans: async () => this.plans,
            findSources: async () => this.configuration,
            findRestoreBuckets: async () => this.restoreBuckets,
            listOwnBuckets: async () => ['vault-bucket', 'work-bucket'],
            findVersion: async () => this.deployedVersion,
            findWorkers: async () => 10,
            findBlockQuota: async () => this.blockQuota,
            readBlockQuotas: async () => this.blockQuotas,
            stacks: ['HoldfastStorage', 'HoldfastPipeline', 'HoldfastMonitoring'],
            findTemplate: async (stack) => this.templates[stack],
            listPhysicalIds: async (stack) =>
              new Map(
                Object.entries(this.templates[stack]?.Resources ?? {})
                  // Conditions of no template hold here.
                  .filter(([, { Condition }]) => Condition === undefined)
                  .map(([id]) => [id, `${stack}-${id}`]),
              ),
            findPlace: async () => ({ partition: 'aws', region: 'eu-west-1', account: '111122223333' }),
            openRoles: async () => this.roles,
            readFunctionsAtOnce: async () => this.functionsAtOnce,
            readSubscriptions: async () => this.subscriptions,
            readProtection: async () => this.protection,
            findCaller: async () => 'arn:aws:sts::111122223333:assumed-role/Legal/ann',
          },
          close: () => void this.closed++,
        };
      },
    });
    // What programs read is as it is documented, in every test.
    checkAnswer(argv, { out, err });
    return { code, out, err };
  }

  /** Runs a command that prints one JSON document. */
  async json(...argv: string[]): Promise<unknown> {
    return JSON.parse((await this.run(...argv, '--json')).out);
  }

  /** Runs a command that prints JSON lines. */
  async records(...argv: string[]): Promise<unknown[]> {
    const { out } = await this.run(...argv, '--json');
    return out
      .split('\n')
      .filter((line) => line !== '')
      .map((line): unknown => JSON.parse(line));
  }

  async plantResource(row: Partial<ResourceRow> = {}): Promise<void> {
    await this.catalog.resources.put({
      arn: bucketArn,
      kind: 's3-bucket',
      plan: 'daily',
      seenAt: this.clock.now(),
      ...row,
    });
  }

  /** A backup of three files. @returns its point. */
  async backUpThreeFiles(): Promise<PointId> {
    await this.plantResource();
    this.source.plant('readme.txt', 'hello');
    this.source.plant('photos/a.jpg', 'x'.repeat(3000));
    this.source.plant('photos/b.jpg', 'y'.repeat(100));
    return (await this.backUp()).root.point;
  }

  /** Backs the source up, as the protect machine does. */
  async backUp(
    type: BackupType = 'full',
    arn: ResourceArn = bucketArn,
    runId = newId<RunId>(this.random),
  ): Promise<CommittedPoint> {
    const request = { ...this.#request, runId, resourceArn: arn, type };
    return backUpFiles(this.#services, request, { source: this.source, buffers });
  }

  /** Makes an image of a volume, with one snapshot, as the protect machine does. */
  async backUpImage(snapshot: string): Promise<PointId> {
    this.snapshots.add(snapshot);
    const snapshots = [{ volume: 'vol-0a1', snapshot, availabilityZone: 'eu-west-1a' }];
    return (
      await putSnapshotPoint({ ...this.#services, catalog: this.catalog }, { arn: volumeArn, snapshots })
    ).point;
  }

  /** Makes an image whose blocks are in the vault. */
  async backUpVolumes(...volumes: readonly PlantedVolume[]): Promise<PointId> {
    const image = { arn: volumeArn, volumes, machine: { instanceId: 'i-1', userData: 'c2VjcmV0' } };
    return (await putImagePoint({ ...this.#services, catalog: this.catalog }, image)).point;
  }

  /** Makes a synthetic full, as the protect machine does: of the newest point, or for the archive of a certain one. */
  async makeContainer(container?: {
    readonly pointId: PointId;
    readonly storageClass: string;
  }): Promise<CommittedPoint> {
    const services = this.#services;
    const opened = await openRun(services, {
      ...this.#request,
      runId: newId<RunId>(this.random),
      resourceArn: bucketArn,
      type: 'synthetic-full',
      sourceNow: async () => Promise.resolve(this.clock.now()),
      container,
    });
    if (opened.state === 'over') throw new Error('the run is over');
    const step = await consolidatePoint(services, opened.keys, opened.plan, { shouldStop: () => false });
    if (!step.done) throw new Error('it stopped');
    return commitPoint(services, opened.keys, opened.plan, async () => Promise.resolve(step.content));
  }

  get #services(): WriteServices {
    const { store, catalog, keyring, clock, random, index } = this;
    return { store, catalog, keyring, clock, random, index, work: this.work, lockMode: 'governance' };
  }

  /** Writes an open run's row, as the protect machine's first step does. */
  async plantRun(row: Partial<RunRow> = {}): Promise<RunRow> {
    const now = this.clock.now();
    return this.catalog.runs.open({
      runId: newId<RunId>(this.random),
      resourceArn: bucketArn,
      plan: 'daily',
      requestedType: 'incremental',
      type: 'incremental',
      leaseUntil: new Date(now.getTime() + 40 * 86_400_000),
      startedAt: now,
      aliveUntil: new Date(now.getTime() + 1_800_000),
      state: 'open',
      ...row,
    });
  }

  /** Writes a point's row; nothing of it is in the vault. */
  async plantPoint(row: Partial<PointRow> & Pick<PointRow, 'pointId'>): Promise<void> {
    const time = this.clock.now();
    await this.catalog.points.put({
      resourceArn: bucketArn,
      resourceKind: 's3-bucket',
      plan: 'daily',
      type: 'full',
      chainPointId: row.pointId,
      runId: '0123456789abcdef0123456789abcdef' as RunId,
      sourceTime: time,
      committedAt: time,
      expiresAt: new Date(time.getTime() + 30 * 86_400_000),
      retentionClass: 'd30',
      counts: {
        files: 3,
        filesChanged: 3,
        filesRemoved: 0,
        logicalBytes: 5000,
        readBytes: 5000,
        newBytes: 5000,
        storedBytes: 2000,
      },
      warnings: 0,
      seconds: 5,
      rootName: 'points/x',
      rootVersionId: 'v1',
      ...row,
    });
  }
}
