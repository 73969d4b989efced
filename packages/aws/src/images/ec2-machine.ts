import type {
  Instance,
  InstanceNetworkInterface,
  InstanceNetworkInterfaceAssociation,
  Tag,
  Volume,
} from '@aws-sdk/client-ec2';
import * as z from 'zod';

const text = z.string().optional();
const texts = z.array(z.string()).readonly().default([]);
const flag = z.boolean().optional();
const count = z.int().optional();

/** A volume as it is when its point is made, with what a restore needs to make one like it. Plain JSON. */
export const VolumeConfiguration = z.object({
  volumeId: z.string(),
  /** The volume's place in the instance, such as `/dev/xvda`; absent for a volume by itself. */
  device: text,
  isRoot: flag,
  deleteOnTermination: flag,
  sizeGiB: z.int(),
  type: z.string(),
  iops: count,
  /** MiB a second. */
  throughput: count,
  encrypted: z.boolean(),
  kmsKeyId: text,
  availabilityZone: z.string(),
  tags: z.record(z.string(), z.string()),
});
export type VolumeConfiguration = Readonly<z.infer<typeof VolumeConfiguration>>;

const InterfaceConfiguration = z.object({
  interfaceId: z.string(),
  deviceIndex: z.int(),
  networkCardIndex: count,
  /** `interface`, `efa`, or a type that only a service attaches. */
  interfaceType: text,
  description: text,
  subnetId: z.string(),
  securityGroupIds: texts,
  privateIpAddress: text,
  /** Without the primary one. */
  secondaryIpAddresses: texts,
  ipv6Addresses: texts,
  ipv4Prefixes: texts,
  ipv6Prefixes: texts,
  /** `isElastic`: the address is the account's own and was associated; otherwise EC2 lent it for the instance's life. */
  publicIp: z.object({ address: z.string(), isElastic: z.boolean() }).optional(),
  /** Off for what forwards traffic of others. */
  sourceDestCheck: flag,
  deleteOnTermination: flag,
});
type InterfaceConfiguration = Readonly<z.infer<typeof InterfaceConfiguration>>;

/** Attributes that only DescribeInstanceAttribute and its kin tell, read when the point is committed. */
export const MachineAttributes = z.object({
  readAt: z.iso.datetime(),
  /** Base64, as EC2 gives and takes it. Often holds secrets: it is nowhere but in the sealed root. */
  userData: text,
  disableApiTermination: flag,
  disableApiStop: flag,
  /** `stop` or `terminate`: what a shutdown from within does. */
  shutdownBehavior: text,
  /** `standard` or `unlimited`; only burstable types have it. */
  cpuCredits: text,
});
export type MachineAttributes = Readonly<z.infer<typeof MachineAttributes>>;

/**
 * An instance as it is when its snapshots are ordered, with what launching it again takes. Plain JSON. What another
 * version wrote besides is left out when it is read back.
 */
export const MachineConfiguration = z.object({
  instanceId: z.string(),
  instanceType: z.string(),
  imageId: z.string(),
  architecture: text,
  /** As AWS bills it, such as `Linux/UNIX` or `Windows with SQL Server Web`. */
  platform: text,
  productCodes: texts,
  virtualizationType: text,
  bootMode: text,
  tpmSupport: text,
  enaSupport: flag,
  sriovNetSupport: text,
  availabilityZone: z.string(),
  tenancy: text,
  placementGroup: z.object({ name: z.string(), partition: count }).optional(),
  host: z.object({ id: text, affinity: text, resourceGroupArn: text }).optional(),
  subnetId: text,
  vpcId: text,
  securityGroupIds: z.array(z.string()).readonly(),
  /** In the order of their devices. Absent in roots of before they were recorded. */
  networkInterfaces: z.array(InterfaceConfiguration).readonly().optional(),
  iamInstanceProfileArn: text,
  keyName: text,
  privateIpAddress: text,
  ebsOptimized: flag,
  monitoring: flag,
  hibernation: flag,
  enclave: flag,
  autoRecovery: text,
  /** `spot` and others; absent for on-demand. */
  lifecycle: text,
  cpuOptions: z
    .object({
      coreCount: count,
      threadsPerCore: count,
      amdSevSnp: text,
      nestedVirtualization: text,
    })
    .optional(),
  metadataOptions: z
    .object({
      httpEndpoint: text,
      httpTokens: text,
      httpPutResponseHopLimit: count,
      httpProtocolIpv6: text,
      instanceMetadataTags: text,
    })
    .optional(),
  privateDnsName: z
    .object({ hostnameType: text, resourceNameARecord: flag, resourceNameAaaaRecord: flag })
    .optional(),
  capacityReservation: z.object({ preference: text, id: text, groupArn: text }).optional(),
  licenseArns: texts,
  bandwidthWeighting: text,
  /** The template that it was launched from, as its tags say. */
  launchTemplate: z.object({ id: z.string(), version: text }).optional(),
  rootDeviceName: text,
  volumes: z.array(VolumeConfiguration).readonly(),
  tags: z.record(z.string(), z.string()),
  /** Absent where the instance was gone, or could not be asked, when the point was committed; and in older roots. */
  attributes: MachineAttributes.optional(),
});
export type MachineConfiguration = Readonly<z.infer<typeof MachineConfiguration>>;

/** Volumes come in the order of their devices. */
export function toMachine(instance: Instance, volumes: readonly Volume[]): MachineConfiguration {
  const attached = volumes
    .map((volume) => toVolume(volume, instance))
    .toSorted((a, b) => ((a.device ?? '') < (b.device ?? '') ? -1 : 1));
  const { Placement: placement } = instance;
  const tags = toTagRecord(instance.Tags);
  const templateId = tags['aws:ec2launchtemplate:id'];
  return {
    instanceId: instance.InstanceId ?? '',
    instanceType: instance.InstanceType ?? '',
    imageId: instance.ImageId ?? '',
    availabilityZone: placement?.AvailabilityZone ?? '',
    securityGroupIds: groupIdsOf(instance.SecurityGroups),
    productCodes: (instance.ProductCodes ?? []).flatMap(({ ProductCodeId }) => ProductCodeId ?? []),
    licenseArns: (instance.Licenses ?? []).flatMap(
      ({ LicenseConfigurationArn }) => LicenseConfigurationArn ?? [],
    ),
    networkInterfaces: (instance.NetworkInterfaces ?? [])
      .map((one) => toInterface(one))
      .toSorted((a, b) => a.deviceIndex - b.deviceIndex),
    volumes: attached,
    tags,
    architecture: instance.Architecture,
    platform: instance.PlatformDetails,
    virtualizationType: instance.VirtualizationType,
    bootMode: instance.BootMode,
    tpmSupport: instance.TpmSupport,
    enaSupport: instance.EnaSupport,
    sriovNetSupport: instance.SriovNetSupport,
    tenancy: placement?.Tenancy,
    placementGroup: placement?.GroupName
      ? { name: placement.GroupName, partition: placement.PartitionNumber }
      : undefined,
    host: anyOf({
      id: placement?.HostId,
      affinity: placement?.Affinity,
      resourceGroupArn: placement?.HostResourceGroupArn,
    }),
    subnetId: instance.SubnetId,
    vpcId: instance.VpcId,
    iamInstanceProfileArn: instance.IamInstanceProfile?.Arn,
    keyName: instance.KeyName,
    privateIpAddress: instance.PrivateIpAddress,
    ebsOptimized: instance.EbsOptimized,
    monitoring: instance.Monitoring && ['enabled', 'pending'].includes(instance.Monitoring.State ?? ''),
    hibernation: instance.HibernationOptions?.Configured,
    enclave: instance.EnclaveOptions?.Enabled,
    autoRecovery: instance.MaintenanceOptions?.AutoRecovery,
    lifecycle: instance.InstanceLifecycle,
    ...optionsOf(instance),
    bandwidthWeighting: instance.NetworkPerformanceOptions?.BandwidthWeighting,
    launchTemplate:
      templateId === undefined
        ? undefined
        : { id: templateId, version: tags['aws:ec2launchtemplate:version'] },
    rootDeviceName: instance.RootDeviceName,
  };
}

/** Options that EC2 tells in groups; a group of which it tells nothing is absent. */
function optionsOf({
  MetadataOptions: metadata,
  CpuOptions: cpu,
  PrivateDnsNameOptions: dnsName,
  CapacityReservationSpecification: capacity,
}: Instance): Pick<
  MachineConfiguration,
  'cpuOptions' | 'metadataOptions' | 'privateDnsName' | 'capacityReservation'
> {
  return {
    cpuOptions: anyOf({
      coreCount: cpu?.CoreCount,
      threadsPerCore: cpu?.ThreadsPerCore,
      amdSevSnp: cpu?.AmdSevSnp,
      nestedVirtualization: cpu?.NestedVirtualization,
    }),
    metadataOptions: anyOf({
      httpEndpoint: metadata?.HttpEndpoint,
      httpTokens: metadata?.HttpTokens,
      httpPutResponseHopLimit: metadata?.HttpPutResponseHopLimit,
      httpProtocolIpv6: metadata?.HttpProtocolIpv6,
      instanceMetadataTags: metadata?.InstanceMetadataTags,
    }),
    privateDnsName: anyOf({
      hostnameType: dnsName?.HostnameType,
      resourceNameARecord: dnsName?.EnableResourceNameDnsARecord,
      resourceNameAaaaRecord: dnsName?.EnableResourceNameDnsAAAARecord,
    }),
    capacityReservation: anyOf({
      preference: capacity?.CapacityReservationPreference,
      id: capacity?.CapacityReservationTarget?.CapacityReservationId,
      groupArn: capacity?.CapacityReservationTarget?.CapacityReservationResourceGroupArn,
    }),
  };
}

function toInterface(one: InstanceNetworkInterface): InterfaceConfiguration {
  const addresses = one.PrivateIpAddresses ?? [];
  return {
    interfaceId: one.NetworkInterfaceId ?? '',
    deviceIndex: one.Attachment?.DeviceIndex ?? 0,
    subnetId: one.SubnetId ?? '',
    securityGroupIds: groupIdsOf(one.Groups),
    secondaryIpAddresses: addresses
      .filter(({ Primary }) => Primary !== true)
      .flatMap(({ PrivateIpAddress }) => PrivateIpAddress ?? []),
    ipv6Addresses: (one.Ipv6Addresses ?? []).flatMap(({ Ipv6Address }) => Ipv6Address ?? []),
    ipv4Prefixes: (one.Ipv4Prefixes ?? []).flatMap(({ Ipv4Prefix }) => Ipv4Prefix ?? []),
    ipv6Prefixes: (one.Ipv6Prefixes ?? []).flatMap(({ Ipv6Prefix }) => Ipv6Prefix ?? []),
    networkCardIndex: one.Attachment?.NetworkCardIndex,
    interfaceType: one.InterfaceType,
    description: one.Description === '' ? undefined : one.Description,
    privateIpAddress: one.PrivateIpAddress,
    publicIp: toPublicIp(one.Association),
    sourceDestCheck: one.SourceDestCheck,
    deleteOnTermination: one.Attachment?.DeleteOnTermination,
  };
}

function toPublicIp(
  association: InstanceNetworkInterfaceAssociation | undefined,
): InterfaceConfiguration['publicIp'] {
  if (association?.PublicIp === undefined) return undefined;
  return { address: association.PublicIp, isElastic: association.IpOwnerId !== 'amazon' };
}

function groupIdsOf(groups: Instance['SecurityGroups']): string[] {
  return (groups ?? []).flatMap(({ GroupId }) => GroupId ?? []);
}

/** A machine's record, of whatever version, without what only the sealed root may hold. */
export function withoutUserData(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { attributes, ...machine } = record;
  if (typeof attributes !== 'object' || attributes === null) return machine;
  const { userData: _userData, ...others } = attributes as Record<string, unknown>;
  return { ...machine, attributes: others };
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
    device: mapping?.DeviceName,
    isRoot: mapping && mapping.DeviceName === instance?.RootDeviceName,
    deleteOnTermination: mapping?.Ebs?.DeleteOnTermination,
    iops: volume.Iops,
    throughput: volume.Throughput,
    kmsKeyId: volume.KmsKeyId,
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

/** `undefined` if EC2 told none of the fields. */
function anyOf<Fields extends object>(fields: Fields): Fields | undefined {
  return Object.values(fields).every((value) => value === undefined) ? undefined : fields;
}
