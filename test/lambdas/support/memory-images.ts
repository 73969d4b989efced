import type {
  Ec2Images,
  MachineAttributes,
  MachineConfiguration,
  OrderedVolume,
  VolumeConfiguration,
  VolumeOrder,
  Ec2Snapshot,
} from '@holdfast/aws';
import { InvalidInputError, StoreUnavailableError, UnknownNameError } from '@holdfast/engine';
import { type FakeClock, MemorySnapshotWriter } from '@holdfast/engine/testing';

export function makeVolume(volumeId: string, fields: Partial<VolumeConfiguration> = {}): VolumeConfiguration {
  return {
    volumeId,
    sizeGiB: 8,
    type: 'gp3',
    iops: 3000,
    throughput: 125,
    encrypted: false,
    availabilityZone: 'us-east-1a',
    tags: { Name: volumeId, 'holdfast:plan': 'daily', 'team:backup': 'daily' },
    ...fields,
  };
}

/**
 * EC2 in memory as far as images need it, with its two vices: snapshots show only some time after they were ordered,
 * and an order can be carried out although its answer is lost.
 */
export class MemoryImages implements Pick<Ec2Images, keyof Ec2Images> {
  readonly #clock: FakeClock;
  /** Snapshots that are written by the block; they show like others. */
  readonly written = new MemorySnapshotWriter();
  readonly #snapshots: (Ec2Snapshot & { visibleFrom: number })[] = [];
  readonly #volumes = new Map<string, OrderedVolume & { readonly order: VolumeOrder }>();
  /** Time for which a new snapshot stays hidden. Milliseconds. */
  readLagMs = 0;
  /** Orders whose answers are lost from now on. */
  lostAnswers = 0;
  /** Orders of snapshots that EC2 does not take from now on. */
  refusedOrders = 0;
  /** State of a new volume; `gone`: EC2 removed it after it had answered. */
  volumeState = 'available';
  kmsKeyId: string | undefined;
  readonly zones = new Set(['us-east-1a', 'us-east-1b', 'us-east-1c']);
  /** Snapshots that somebody made an AMI of. */
  readonly inUse = new Set<string>();
  readonly locks = new Map<string, { readonly mode: string; readonly until: Date }>();
  /** Snapshots that EC2 does not delete, for another reason. */
  readonly undeletable = new Set<string>();
  machine: MachineConfiguration;
  /** Takes the content of a volume, and names the snapshot. @default nothing is taken */
  freeze: ((volumeId: string) => string) | undefined;
  /** Facts that only its attributes tell; an error where they cannot be read. */
  attributes: Omit<MachineAttributes, 'readAt'> | Error = {
    userData: 'IyEvYmluL3NoCg==',
    cpuCredits: 'standard',
  };

  constructor(clock: FakeClock) {
    this.#clock = clock;
    this.machine = {
      instanceId: 'i-1',
      instanceType: 't3.micro',
      imageId: 'ami-1',
      availabilityZone: 'us-east-1a',
      securityGroupIds: ['sg-1'],
      productCodes: [],
      licenseArns: [],
      tags: {},
      volumes: [makeVolume('vol-1', { device: '/dev/xvda' }), makeVolume('vol-2', { device: '/dev/xvdb' })],
    };
  }

  /** All snapshots that were ever made and not removed, visible or not. */
  get snapshots(): readonly Ec2Snapshot[] {
    return this.#snapshots;
  }

  get orders(): readonly VolumeOrder[] {
    return [...this.#volumes.values()].map(({ order }) => order);
  }

  /** Changes snapshots, as EC2 does while it copies. */
  change(fields: Partial<Ec2Snapshot>): void {
    for (const snapshot of this.#snapshots) Object.assign(snapshot, fields);
  }

  async getMachine(): Promise<MachineConfiguration> {
    return Promise.resolve(this.machine);
  }

  async getMachineAttributes(): Promise<Omit<MachineAttributes, 'readAt'>> {
    await Promise.resolve();
    if (this.attributes instanceof Error) throw this.attributes;
    return this.attributes;
  }

  async getVolume(volumeId: string): Promise<VolumeConfiguration> {
    await Promise.resolve();
    const volume = this.machine.volumes.find((one) => one.volumeId === volumeId);
    if (volume === undefined) throw new UnknownNameError(`volume ${volumeId} does not exist; check the id`);
    return volume;
  }

  async createMachineSnapshots(
    _machine: Pick<MachineConfiguration, 'instanceId' | 'volumes'>,
    tags: Readonly<Record<string, string>>,
  ): Promise<Ec2Snapshot[] | 'busy'> {
    return this.#create(this.machine.volumes, tags);
  }

  async createVolumeSnapshot(
    volume: VolumeConfiguration,
    tags: Readonly<Record<string, string>>,
  ): Promise<Ec2Snapshot | 'busy'> {
    const made = await this.#create([volume], tags);
    return made === 'busy' ? made : made[0]!;
  }

  async findSnapshots(tagKey: string, tagValue: string): Promise<Ec2Snapshot[]> {
    return Promise.resolve(this.#visible().filter(({ tags }) => tags[tagKey] === tagValue));
  }

  async findTaggedSnapshots(tagKey: string): Promise<Ec2Snapshot[]> {
    return Promise.resolve(this.#visible().filter(({ tags }) => Object.hasOwn(tags, tagKey)));
  }

  async findSnapshotsOfVolumes(tagKey: string, volumeIds: readonly string[]): Promise<Ec2Snapshot[]> {
    const found = await this.findTaggedSnapshots(tagKey);
    return found.filter(({ volumeId }) => volumeIds.includes(volumeId));
  }

  async lockSnapshot(snapshotId: string, mode: 'governance' | 'compliance', until: Date): Promise<void> {
    await Promise.resolve();
    this.locks.set(snapshotId, { mode, until });
  }

  async findUsedBytes(volumeIds: readonly string[]): Promise<Map<string, number>> {
    const told = this.#visible().filter(({ volumeId }) => volumeIds.includes(volumeId));
    const used = told.flatMap(({ volumeId, usedBytes }) =>
      usedBytes === undefined ? [] : [[volumeId, usedBytes] as const],
    );
    return Promise.resolve(new Map(used));
  }

  async findLocks(): Promise<Map<string, Date>> {
    const locked = [...this.locks].filter(([, { until }]) => until > this.#clock.now());
    return Promise.resolve(new Map(locked.map(([snapshotId, { until }]) => [snapshotId, until])));
  }

  async describeSnapshots(snapshotIds: readonly string[]): Promise<Ec2Snapshot[]> {
    return Promise.resolve(this.#visible().filter(({ snapshotId }) => snapshotIds.includes(snapshotId)));
  }

  async findZones(): Promise<ReadonlySet<string>> {
    return Promise.resolve(this.zones);
  }

  async removeSnapshot(snapshotId: string): Promise<'removed' | 'in-use'> {
    await Promise.resolve();
    if (this.inUse.has(snapshotId)) return 'in-use';
    if (this.undeletable.has(snapshotId))
      throw new InvalidInputError(`deleting snapshot ${snapshotId} is not possible (OperationNotPermitted)`);
    this.written.snapshots.delete(snapshotId);
    const at = this.#snapshots.findIndex((one) => one.snapshotId === snapshotId);
    if (at >= 0) this.#snapshots.splice(at, 1);
    return 'removed';
  }

  async createVolume(order: VolumeOrder): Promise<string | undefined> {
    await Promise.resolve();
    if (Object.keys(order.tags).length > 50)
      throw new InvalidInputError('making a volume is not possible (TagLimitExceeded)');
    if (['io1', 'io2'].includes(order.type ?? '') && order.iops === undefined)
      throw new InvalidInputError('making a volume is not possible (InvalidParameterCombination)');
    const known = this.#volumes.get(order.clientToken);
    if (known !== undefined) return this.volumeState === 'gone' ? undefined : known.volumeId;
    const volumeId = `vol-new-${this.#volumes.size + 1}`;
    const { availabilityZone } = order;
    this.#volumes.set(order.clientToken, { volumeId, state: '', sizeGiB: 8, availabilityZone, order });
    this.#loseAnswer();
    return volumeId;
  }

  async findVolumes(tagKey: string, tagValue: string): Promise<string[]> {
    await Promise.resolve();
    const found = [...this.#volumes.values()].filter(({ order }) => order.tags[tagKey] === tagValue);
    return found.map(({ volumeId }) => volumeId);
  }

  async describeVolumes(volumeIds: readonly string[]): Promise<OrderedVolume[]> {
    await Promise.resolve();
    if (this.volumeState === 'gone') return [];
    const found = [...this.#volumes.values()].filter(({ volumeId }) => volumeIds.includes(volumeId));
    return found.map((volume) => ({ ...volume, state: this.volumeState }));
  }

  /** Makes a snapshot of a volume that somebody took by hand. */
  plant(snapshot: Pick<Ec2Snapshot, 'snapshotId'> & Partial<Ec2Snapshot>): void {
    this.#snapshots.push({
      volumeId: 'vol-1',
      state: 'completed',
      progress: 100,
      startedAt: this.#clock.now(),
      sizeGiB: 1,
      encrypted: false,
      tags: {},
      visibleFrom: 0,
      ...snapshot,
    });
  }

  #visible(): Ec2Snapshot[] {
    const written = [...this.written.snapshots].map(([snapshotId, { order, state }]) => ({
      snapshotId,
      volumeId: 'vol-ffffffff',
      state,
      progress: state === 'completed' ? 100 : 0,
      startedAt: new Date(0),
      sizeGiB: order.sizeGiB,
      encrypted: order.encryption !== undefined,
      kmsKeyId: order.encryption?.keyArn,
      tags: order.tags,
      description: order.description,
    }));
    const taken = this.#snapshots.filter(({ visibleFrom }) => visibleFrom <= this.#clock.now().getTime());
    return [...taken, ...written];
  }

  async #create(
    volumes: readonly VolumeConfiguration[],
    tags: Readonly<Record<string, string>>,
  ): Promise<Ec2Snapshot[] | 'busy'> {
    await Promise.resolve();
    if (this.refusedOrders > 0) {
      this.refusedOrders -= 1;
      return 'busy';
    }
    const now = this.#clock.now();
    const made = volumes.map(({ volumeId, sizeGiB }, index) => ({
      snapshotId: this.freeze?.(volumeId) ?? `snap-${this.#snapshots.length + index + 1}-${now.getTime()}`,
      volumeId,
      state: 'pending',
      progress: 0,
      startedAt: now,
      sizeGiB,
      encrypted: this.kmsKeyId !== undefined,
      kmsKeyId: this.kmsKeyId,
      tags,
      visibleFrom: now.getTime() + this.readLagMs,
    }));
    this.#snapshots.push(...made);
    this.#loseAnswer();
    return made;
  }

  #loseAnswer(): void {
    if (this.lostAnswers === 0) return;
    this.lostAnswers -= 1;
    throw new StoreUnavailableError('the order did not succeed (socket hang up); try again later');
  }
}
