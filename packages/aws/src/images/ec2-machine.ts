import type { Instance, Tag, Volume } from '@aws-sdk/client-ec2';

/** A volume as it is when its point is made, with what a restore needs to make one like it. Plain JSON. */
export interface VolumeConfiguration {
  readonly volumeId: string;
  /** The volume's place in the instance, such as `/dev/xvda`; absent for a volume by itself. */
  readonly device?: string;
  readonly isRoot?: boolean;
  readonly deleteOnTermination?: boolean;
  readonly sizeGiB: number;
  readonly type: string;
  readonly iops?: number;
  /** MiB a second. */
  readonly throughput?: number;
  readonly encrypted: boolean;
  readonly kmsKeyId?: string;
  readonly availabilityZone: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** An instance as it is when its point is made. Plain JSON; without user data, which often holds secrets. */
export interface MachineConfiguration {
  readonly instanceId: string;
  readonly instanceType: string;
  readonly imageId: string;
  readonly architecture?: string;
  readonly platform?: string;
  readonly bootMode?: string;
  readonly availabilityZone: string;
  readonly tenancy?: string;
  readonly subnetId?: string;
  readonly vpcId?: string;
  readonly securityGroupIds: readonly string[];
  readonly iamInstanceProfileArn?: string;
  readonly keyName?: string;
  readonly privateIpAddress?: string;
  readonly ebsOptimized?: boolean;
  readonly metadataOptions?: { readonly httpTokens?: string; readonly httpPutResponseHopLimit?: number };
  readonly rootDeviceName?: string;
  readonly volumes: readonly VolumeConfiguration[];
  readonly tags: Readonly<Record<string, string>>;
}

/** Volumes come in the order of their devices. */
export function toMachine(instance: Instance, volumes: readonly Volume[]): MachineConfiguration {
  const attached = volumes
    .map((volume) => toVolume(volume, instance))
    .toSorted((a, b) => ((a.device ?? '') < (b.device ?? '') ? -1 : 1));
  return {
    instanceId: instance.InstanceId ?? '',
    instanceType: instance.InstanceType ?? '',
    imageId: instance.ImageId ?? '',
    availabilityZone: instance.Placement?.AvailabilityZone ?? '',
    securityGroupIds: (instance.SecurityGroups ?? []).flatMap(({ GroupId }) => GroupId ?? []),
    volumes: attached,
    tags: toTagRecord(instance.Tags),
    ...present({
      architecture: instance.Architecture,
      platform: instance.PlatformDetails,
      bootMode: instance.BootMode,
      tenancy: instance.Placement?.Tenancy,
      subnetId: instance.SubnetId,
      vpcId: instance.VpcId,
      iamInstanceProfileArn: instance.IamInstanceProfile?.Arn,
      keyName: instance.KeyName,
      privateIpAddress: instance.PrivateIpAddress,
      ebsOptimized: instance.EbsOptimized,
      metadataOptions:
        instance.MetadataOptions &&
        present({
          httpTokens: instance.MetadataOptions.HttpTokens,
          httpPutResponseHopLimit: instance.MetadataOptions.HttpPutResponseHopLimit,
        }),
      rootDeviceName: instance.RootDeviceName,
    }),
  };
}

export function toVolume(volume: Volume, instance?: Instance): VolumeConfiguration {
  const mapping = instance?.BlockDeviceMappings?.find((one) => one.Ebs?.VolumeId === volume.VolumeId);
  return {
    volumeId: volume.VolumeId ?? '',
    sizeGiB: volume.Size ?? 0,
    type: volume.VolumeType ?? '',
    encrypted: volume.Encrypted ?? false,
    availabilityZone: volume.AvailabilityZone ?? '',
    tags: toTagRecord(volume.Tags),
    ...present({
      device: mapping?.DeviceName,
      isRoot: mapping && mapping.DeviceName === instance?.RootDeviceName,
      deleteOnTermination: mapping?.Ebs?.DeleteOnTermination,
      iops: volume.Iops,
      throughput: volume.Throughput,
      kmsKeyId: volume.KmsKeyId,
    }),
  };
}

export function toTagRecord(tags: readonly Tag[] | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']));
}

/** Leaves out names that begin with `aws:`, which are the service's own. */
export function fromTagRecord(tags: Readonly<Record<string, string>>): Tag[] {
  return Object.entries(tags)
    .filter(([name]) => !name.startsWith('aws:'))
    .map(([Key, Value]) => ({ Key, Value }));
}

/** EC2 takes 50 tags of a resource, and does not count those of AWS itself (`aws:`). */
const mostTags = 50;

interface FittedTags {
  readonly tags: Readonly<Record<string, string>>;
  readonly leftOff: readonly string[];
}

/**
 * Fits the tags of a copy into EC2's limit: ours, and the original's as far as there is room. `Name` comes first, as
 * people find things by it. Ours stand where the original has one of the same name.
 */
export function fitTags(
  ours: Readonly<Record<string, string>>,
  original: Readonly<Record<string, string>>,
): FittedTags {
  const copied = Object.entries(original)
    .filter(([name]) => !name.startsWith('aws:') && !Object.hasOwn(ours, name))
    .sort(([a], [b]) => Number(b === 'Name') - Number(a === 'Name'));
  const room = mostTags - Object.keys(ours).length;
  return {
    tags: { ...ours, ...Object.fromEntries(copied.slice(0, room)) },
    leftOff: copied.slice(room).map(([name]) => name),
  };
}

type Present<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

/** Drops the fields that EC2 did not tell. */
function present<Fields extends object>(fields: Fields): Present<Fields> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Present<Fields>;
}
