import {
  CreateSnapshotCommand,
  CreateSnapshotsCommand,
  CreateTagsCommand,
  CreateVolumeCommand,
  DeleteSnapshotCommand,
  DescribeInstanceAttributeCommand,
  DescribeInstanceCreditSpecificationsCommand,
  DescribeInstancesCommand,
  DescribeAvailabilityZonesCommand,
  DescribeSnapshotsCommand,
  DescribeVolumesCommand,
  type Filter,
  type InstanceAttribute,
  type InstanceAttributeName,
  DescribeLockedSnapshotsCommand,
  LockSnapshotCommand,
  type Snapshot,
  type SnapshotInfo,
  type VolumeType,
} from '@aws-sdk/client-ec2';
import { StoreUnavailableError, UnknownNameError } from '@holdfast/engine';
import {
  isEc2NotFound,
  isSnapshotInUse,
  isSnapshotsBusy,
  isVolumeOfTokenGone,
  toEc2Error,
} from './ec2-errors.ts';
import {
  fitTags,
  fromTagRecord,
  type MachineAttributes,
  type MachineConfiguration,
  toMachine,
  toTagRecord,
  toVolume,
  type VolumeConfiguration,
} from './ec2-machine.ts';
import type { Ec2Clients } from '../sdk/make-ec2-clients.ts';

/** EC2 takes 200 values of a filter. */
const filterValues = 200;

export interface Ec2Snapshot {
  readonly snapshotId: string;
  readonly volumeId: string;
  /** Other states, such as `recoverable` and `recovering`, are passed on as EC2 names them. */
  readonly state: 'pending' | 'completed' | 'error' | (string & {});
  readonly stateMessage?: string;
  readonly description?: string;
  /** Percent of the copying that is done, 0 to 100. */
  readonly progress: number;
  /** The moment whose content the snapshot has; the same for all snapshots of one call. */
  readonly startedAt: Date;
  readonly sizeGiB: number;
  /** Bytes of all blocks that were written to the volume by then; EC2 does not tell them of every snapshot. */
  readonly usedBytes?: number;
  readonly encrypted: boolean;
  readonly kmsKeyId?: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Names of the volume's tags for which the new snapshot had no room. */
  readonly tagsLeftOff?: readonly string[];
}

export interface VolumeOrder {
  readonly snapshotId: string;
  readonly availabilityZone: string;
  /** Orders with the same token make one volume, however often they are given. At most 64 characters. */
  readonly clientToken: string;
  /** @default gp3 */
  readonly type?: string;
  readonly iops?: number;
  readonly throughput?: number;
  /** The key to encrypt with anew. @default the snapshot's own encryption */
  readonly kmsKeyId?: string;
  /** 50 at most: see {@link fitTags}. */
  readonly tags: Readonly<Record<string, string>>;
}

export interface OrderedVolume {
  readonly volumeId: string;
  readonly state: 'creating' | 'available' | 'in-use' | 'deleting' | 'deleted' | 'error' | (string & {});
  readonly sizeGiB: number;
  readonly availabilityZone: string;
}

/**
 * Image backups with EC2. Its reads lag behind its writes, and making snapshots has no token: callers find snapshots by
 * their tag, for some minutes, before they make them again, and remove duplicates.
 */
export class Ec2Images {
  readonly #clients: Ec2Clients;

  constructor(clients: Ec2Clients) {
    this.#clients = clients;
  }

  /** @throws {@link UnknownNameError} no such instance, or it was terminated. */
  async getMachine(instanceId: string, signal?: AbortSignal): Promise<MachineConfiguration> {
    const command = new DescribeInstancesCommand({ InstanceIds: [instanceId] });
    const answer = await this.#attempt(
      this.#clients.ec2.send(command, { abortSignal: signal }),
      `describing instance ${instanceId}`,
    );
    const instance = answer.Reservations?.flatMap((one) => one.Instances ?? [])[0];
    if (instance === undefined || ['terminated', 'shutting-down'].includes(instance.State?.Name ?? '')) {
      throw new UnknownNameError(
        `instance ${instanceId} does not exist any more; check the id and the region`,
      );
    }
    const volumeIds = (instance.BlockDeviceMappings ?? []).flatMap((one) => one.Ebs?.VolumeId ?? []);
    return toMachine(instance, await this.#describeVolumes(volumeIds, signal));
  }

  /**
   * Reads what describing an instance leaves out, with its user data: one call for each attribute.
   * @throws {@link UnknownNameError} the instance does not exist any more.
   * @throws {@link AccessDeniedError} the attributes of this instance may not be read.
   */
  async getMachineAttributes(
    { instanceId, instanceType }: Pick<MachineConfiguration, 'instanceId' | 'instanceType'>,
    signal?: AbortSignal,
  ): Promise<Omit<MachineAttributes, 'readAt'>> {
    const what = `describing attributes of instance ${instanceId}`;
    const read = async (Attribute: InstanceAttributeName): Promise<InstanceAttribute> => {
      const command = new DescribeInstanceAttributeCommand({ InstanceId: instanceId, Attribute });
      return this.#attempt(this.#clients.ec2.send(command, { abortSignal: signal }), what);
    };
    const { UserData } = await read('userData');
    const { DisableApiTermination } = await read('disableApiTermination');
    const { DisableApiStop } = await read('disableApiStop');
    const { InstanceInitiatedShutdownBehavior } = await read('instanceInitiatedShutdownBehavior');
    return {
      userData: UserData?.Value,
      disableApiTermination: DisableApiTermination?.Value,
      disableApiStop: DisableApiStop?.Value,
      shutdownBehavior: InstanceInitiatedShutdownBehavior?.Value,
      cpuCredits: await this.#findCpuCredits(instanceId, instanceType, signal),
    };
  }

  async #findCpuCredits(
    instanceId: string,
    instanceType: string,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    // Asking about another type is an error. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceCreditSpecifications.html
    if (!/^t\d/.test(instanceType)) return undefined;
    const command = new DescribeInstanceCreditSpecificationsCommand({ InstanceIds: [instanceId] });
    const answer = await this.#attempt(
      this.#clients.ec2.send(command, { abortSignal: signal }),
      `describing the CPU credits of instance ${instanceId}`,
    );
    return answer.InstanceCreditSpecifications?.[0]?.CpuCredits;
  }

  /** @throws {@link UnknownNameError} no such volume. */
  async getVolume(volumeId: string, signal?: AbortSignal): Promise<VolumeConfiguration> {
    const [volume] = await this.#describeVolumes([volumeId], signal);
    if (volume === undefined)
      throw new UnknownNameError(`volume ${volumeId} does not exist; check the id and the region`);
    return toVolume(volume);
  }

  /**
   * Makes snapshots of all EBS volumes of an instance at one moment, with these tags and the volumes' own as far as
   * there is room. `busy`: EC2 takes no order for now, and has made nothing.
   */
  async createMachineSnapshots(
    { instanceId, volumes }: Pick<MachineConfiguration, 'instanceId' | 'volumes'>,
    tags: Readonly<Record<string, string>>,
    description: string,
  ): Promise<Ec2Snapshot[] | 'busy'> {
    const fitted = new Map(volumes.map((volume) => [volume.volumeId, fitTags(tags, volume.tags)]));
    // EC2 copies all tags or none, and makes no snapshot at all when one volume has too many.
    const copies = [...fitted.values()].every(({ leftOff }) => leftOff.length === 0);
    const command = new CreateSnapshotsCommand({
      InstanceSpecification: { InstanceId: instanceId, ExcludeBootVolume: false },
      ...(copies && { CopyTagsFromSource: 'volume' }),
      Description: description,
      TagSpecifications: [{ ResourceType: 'snapshot', Tags: fromTagRecord(tags) }],
    });
    const answer = await this.#attempt(
      unlessBusy(this.#clients.ec2WithoutRetries.send(command)),
      `making snapshots of instance ${instanceId}`,
    );
    if (answer === 'busy') return answer;
    const made = (answer.Snapshots ?? []).map((one) => toSnapshot(one));
    if (copies) return made;
    const tagged: Ec2Snapshot[] = [];
    for (const snapshot of made) {
      const { tags: all = {}, leftOff = [] } = fitted.get(snapshot.volumeId) ?? {};
      const own = Object.entries(all).filter(([name]) => !Object.hasOwn(tags, name));
      tagged.push(await this.#addTags(snapshot, Object.fromEntries(own), leftOff));
    }
    return tagged;
  }

  /** Adds tags that only people go by, so a failure to add them does not make the backup worse. */
  async #addTags(
    snapshot: Ec2Snapshot,
    tags: Readonly<Record<string, string>>,
    leftOff: readonly string[],
  ): Promise<Ec2Snapshot> {
    const Tags = fromTagRecord(tags);
    if (Tags.length === 0) return { ...snapshot, tagsLeftOff: leftOff };
    try {
      await this.#clients.ec2.send(new CreateTagsCommand({ Resources: [snapshot.snapshotId], Tags }));
      return { ...snapshot, tags: { ...snapshot.tags, ...tags }, tagsLeftOff: leftOff };
    } catch {
      return { ...snapshot, tagsLeftOff: [...Object.keys(tags), ...leftOff] };
    }
  }

  /** Makes a snapshot of one volume, with these tags and its own as far as there is room. `busy`: as for an instance. */
  async createVolumeSnapshot(
    volume: VolumeConfiguration,
    tags: Readonly<Record<string, string>>,
    description: string,
  ): Promise<Ec2Snapshot | 'busy'> {
    const fitted = fitTags(tags, volume.tags);
    const command = new CreateSnapshotCommand({
      VolumeId: volume.volumeId,
      Description: description,
      TagSpecifications: [{ ResourceType: 'snapshot', Tags: fromTagRecord(fitted.tags) }],
    });
    const answer = await this.#attempt(
      unlessBusy(this.#clients.ec2WithoutRetries.send(command)),
      `making a snapshot of volume ${volume.volumeId}`,
    );
    return answer === 'busy' ? answer : { ...toSnapshot(answer), tagsLeftOff: fitted.leftOff };
  }

  /** Finds this account's snapshots with a tag, oldest first. One that was just made may be missing for some minutes. */
  findSnapshots(tagKey: string, tagValue: string, signal?: AbortSignal): Promise<Ec2Snapshot[]> {
    return this.#describeSnapshots([{ Name: `tag:${tagKey}`, Values: [tagValue] }], signal);
  }

  /** Ids of volumes with such a tag. */
  async findVolumes(tagKey: string, tagValue: string, signal?: AbortSignal): Promise<string[]> {
    const Filters = [{ Name: `tag:${tagKey}`, Values: [tagValue] }];
    const found: string[] = [];
    let NextToken: string | undefined;
    do {
      const command: DescribeVolumesCommand = new DescribeVolumesCommand({ Filters, NextToken });
      const sent = this.#clients.ec2.send(command, { abortSignal: signal });
      const answer = await this.#attempt(sent, 'describing tagged volumes');
      found.push(...(answer.Volumes ?? []).flatMap(({ VolumeId }) => VolumeId ?? []));
      NextToken = answer.NextToken;
    } while (NextToken);
    return found;
  }

  /** Finds this account's snapshots that have a tag, whatever its value, oldest first. */
  findTaggedSnapshots(tagKey: string, signal?: AbortSignal): Promise<Ec2Snapshot[]> {
    return this.#describeSnapshots([{ Name: 'tag-key', Values: [tagKey] }], signal);
  }

  /** Finds this account's snapshots of volumes that have a tag, whatever its value, oldest first. */
  async findSnapshotsOfVolumes(
    tagKey: string,
    volumeIds: readonly string[],
    signal?: AbortSignal,
  ): Promise<Ec2Snapshot[]> {
    const found: Ec2Snapshot[] = [];
    for (let start = 0; start < volumeIds.length; start += filterValues) {
      const Values = volumeIds.slice(start, start + filterValues);
      const filters = [
        { Name: 'volume-id', Values },
        { Name: 'tag-key', Values: [tagKey] },
      ];
      found.push(...(await this.#describeSnapshots(filters, signal)));
    }
    return found;
  }

  /**
   * Locks a snapshot: EC2 refuses to delete it until then. Repeatable; a lock that lasts longer stays as it is only in
   * compliance mode, where it cannot be shortened. At least a day from now.
   */
  async lockSnapshot(snapshotId: string, mode: 'governance' | 'compliance', until: Date): Promise<void> {
    const command = new LockSnapshotCommand({
      SnapshotId: snapshotId,
      LockMode: mode,
      ExpirationDate: until,
    });
    await this.#attempt(this.#clients.ec2.send(command), `locking snapshot ${snapshotId}`);
  }

  /**
   * Bytes in use on volumes, as the newest complete snapshot of each tells, whoever took it; without those of which no
   * snapshot tells.
   */
  async findUsedBytes(volumeIds: readonly string[], signal?: AbortSignal): Promise<Map<string, number>> {
    const used = new Map<string, number>();
    for (let start = 0; start < volumeIds.length; start += filterValues) {
      const Values = volumeIds.slice(start, start + filterValues);
      const filters = [
        { Name: 'volume-id', Values },
        { Name: 'status', Values: ['completed'] },
      ];
      for (const { volumeId, usedBytes } of await this.#describeSnapshots(filters, signal))
        if (usedBytes !== undefined && usedBytes > 0) used.set(volumeId, usedBytes);
    }
    return used;
  }

  /** Finds this account's snapshots that are locked now: until when. */
  async findLocks(): Promise<Map<string, Date>> {
    const locks = new Map<string, Date>();
    let NextToken: string | undefined;
    do {
      const command: DescribeLockedSnapshotsCommand = new DescribeLockedSnapshotsCommand({
        Filters: [{ Name: 'lock-state', Values: ['governance', 'compliance', 'compliance-cooloff'] }],
        MaxResults: 1000,
        NextToken,
      });
      const answer = await this.#attempt(this.#clients.ec2.send(command), 'describing locked snapshots');
      for (const { SnapshotId = '', LockExpiresOn } of answer.Snapshots ?? [])
        if (LockExpiresOn !== undefined) locks.set(SnapshotId, LockExpiresOn);
      NextToken = answer.NextToken;
    } while (NextToken !== undefined && NextToken !== '');
    return locks;
  }

  /** Leaves out snapshots that do not exist. */
  async describeSnapshots(snapshotIds: readonly string[], signal?: AbortSignal): Promise<Ec2Snapshot[]> {
    const found: Ec2Snapshot[] = [];
    for (let start = 0; start < snapshotIds.length; start += filterValues) {
      const Values = snapshotIds.slice(start, start + filterValues);
      found.push(...(await this.#describeSnapshots([{ Name: 'snapshot-id', Values }], signal)));
    }
    return found;
  }

  /**
   * Deletes a snapshot. Succeeds when it is gone already. `in-use`: somebody registered an AMI with it, so EC2 keeps it
   * until that is deregistered.
   */
  async removeSnapshot(snapshotId: string): Promise<'removed' | 'in-use'> {
    try {
      await this.#clients.ec2.send(new DeleteSnapshotCommand({ SnapshotId: snapshotId }));
    } catch (error) {
      if (isSnapshotInUse(error)) return 'in-use';
      if (!isEc2NotFound(error)) throw toEc2Error(error, `deleting snapshot ${snapshotId}`);
    }
    return 'removed';
  }

  /**
   * Makes a volume from a snapshot; repeatable with the same token. EC2 looks at the key only after it has answered:
   * a volume that it may not encrypt vanishes without a word.
   * @returns its id; `undefined` if an earlier order with this token made a volume that is gone.
   */
  async createVolume(order: VolumeOrder): Promise<string | undefined> {
    const command = new CreateVolumeCommand({
      SnapshotId: order.snapshotId,
      AvailabilityZone: order.availabilityZone,
      ClientToken: order.clientToken,
      VolumeType: (order.type ?? 'gp3') as VolumeType,
      Iops: order.iops,
      Throughput: order.throughput,
      ...(order.kmsKeyId === undefined ? {} : { Encrypted: true, KmsKeyId: order.kmsKeyId }),
      TagSpecifications: [{ ResourceType: 'volume', Tags: fromTagRecord(order.tags) }],
    });
    const what = `making a volume from snapshot ${order.snapshotId}`;
    const sent = this.#clients.ec2.send(command).catch((error: unknown) => {
      if (isVolumeOfTokenGone(error)) return undefined;
      throw error;
    });
    const answer = await this.#attempt(sent, what);
    if (answer === undefined) return undefined;
    const { VolumeId } = answer;
    if (VolumeId === undefined)
      throw new StoreUnavailableError(`${what} was answered without an id; repeat it`);
    return VolumeId;
  }

  /** Names of the zones of the region that the account may use, local ones that it opted in to among them. */
  async findZones(): Promise<ReadonlySet<string>> {
    const command = new DescribeAvailabilityZonesCommand({});
    const answer = await this.#attempt(this.#clients.ec2.send(command), 'describing availability zones');
    return new Set((answer.AvailabilityZones ?? []).flatMap(({ ZoneName }) => ZoneName ?? []));
  }

  /** Leaves out volumes that do not exist, or not yet. */
  async describeVolumes(volumeIds: readonly string[], signal?: AbortSignal): Promise<OrderedVolume[]> {
    return (await this.#describeVolumes(volumeIds, signal)).map((volume) => ({
      volumeId: volume.VolumeId ?? '',
      state: volume.State ?? 'creating',
      sizeGiB: volume.Size ?? 0,
      availabilityZone: volume.AvailabilityZone ?? '',
    }));
  }

  async #describeSnapshots(filters: Filter[], signal: AbortSignal | undefined): Promise<Ec2Snapshot[]> {
    const found: Ec2Snapshot[] = [];
    let NextToken: string | undefined;
    do {
      const command: DescribeSnapshotsCommand = new DescribeSnapshotsCommand({
        OwnerIds: ['self'],
        Filters: filters,
        MaxResults: 1000,
        NextToken,
      });
      const answer = await this.#attempt(
        this.#clients.ec2.send(command, { abortSignal: signal }),
        'describing snapshots',
      );
      found.push(...(answer.Snapshots ?? []).map((one) => toSnapshot(one)));
      NextToken = answer.NextToken;
    } while (NextToken !== undefined && NextToken !== '');
    return found.sort(
      (a, b) => a.startedAt.getTime() - b.startedAt.getTime() || (a.snapshotId < b.snapshotId ? -1 : 1),
    );
  }

  async #describeVolumes(volumeIds: readonly string[], signal: AbortSignal | undefined) {
    const found = [];
    for (let start = 0; start < volumeIds.length; start += filterValues) {
      // By filter, not by id: one absent id would fail the whole call.
      const Filters = [{ Name: 'volume-id', Values: volumeIds.slice(start, start + filterValues) }];
      const command = new DescribeVolumesCommand({ Filters });
      const answer = await this.#attempt(
        this.#clients.ec2.send(command, { abortSignal: signal }),
        'describing volumes',
      );
      found.push(...(answer.Volumes ?? []));
    }
    return found;
  }

  async #attempt<Answer>(answer: Promise<Answer>, what: string): Promise<Answer> {
    try {
      return await answer;
    } catch (error) {
      throw toEc2Error(error, what);
    }
  }
}

async function unlessBusy<Answer>(answer: Promise<Answer>): Promise<Answer | 'busy'> {
  try {
    return await answer;
  } catch (error) {
    if (isSnapshotsBusy(error)) return 'busy';
    throw error;
  }
}

function toSnapshot(snapshot: Snapshot & SnapshotInfo): Ec2Snapshot {
  return {
    usedBytes: snapshot.FullSnapshotSizeInBytes,
    snapshotId: snapshot.SnapshotId ?? '',
    volumeId: snapshot.VolumeId ?? '',
    state: snapshot.State ?? 'pending',
    progress: Number.parseInt(snapshot.Progress ?? '0', 10) || 0,
    startedAt: snapshot.StartTime ?? new Date(Number.NaN),
    sizeGiB: snapshot.VolumeSize ?? 0,
    encrypted: snapshot.Encrypted ?? false,
    tags: toTagRecord(snapshot.Tags),
    kmsKeyId: snapshot.KmsKeyId,
    stateMessage: snapshot.StateMessage,
    description: snapshot.Description,
  };
}
