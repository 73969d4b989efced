import type {
  InstanceNetworkInterfaceSpecification,
  RegisterImageRequest,
  RunInstancesRequest,
} from '@aws-sdk/client-ec2';
import { type InstanceWishes, provisionedBy } from '@holdfast/engine/model';
import { fromTagRecord, type MachineConfiguration } from './ec2-machine.ts';

type Interface = NonNullable<MachineConfiguration['networkInterfaces']>[number];
type TagRecord = Readonly<Record<string, string>>;

/** Interfaces that a launch can make; others are attached by the service that they belong to. */
const makeable: ReadonlySet<string> = new Set(['interface', 'efa']);
const withIops: ReadonlySet<string> = new Set(provisionedBy.iops);
const withThroughput: ReadonlySet<string> = new Set(provisionedBy.throughput);

/** The AMI of a machine: its devices, each with the snapshot that its volume is made of. */
export function registerRequest(
  machine: MachineConfiguration,
  snapshotOf: ReadonlyMap<string, string>,
  {
    name,
    description,
    tags,
  }: { readonly name: string; readonly description: string; readonly tags: TagRecord },
): RegisterImageRequest {
  return {
    Name: name,
    Description: description,
    Architecture: machine.architecture as RegisterImageRequest['Architecture'],
    RootDeviceName: machine.rootDeviceName,
    VirtualizationType: machine.virtualizationType ?? 'hvm',
    BootMode: machine.bootMode as RegisterImageRequest['BootMode'],
    TpmSupport: machine.tpmSupport as RegisterImageRequest['TpmSupport'],
    EnaSupport: machine.enaSupport,
    SriovNetSupport: machine.sriovNetSupport,
    // An AMI says it of all that is launched from it, where the launch says nothing else.
    ImdsSupport: machine.metadataOptions?.httpTokens === 'required' ? 'v2.0' : undefined,
    BlockDeviceMappings: machine.volumes.map((volume) => ({
      DeviceName: volume.device,
      Ebs: {
        SnapshotId: snapshotOf.get(volume.volumeId),
        VolumeSize: volume.sizeGiB,
        VolumeType: volume.type as 'gp3',
        Iops: withIops.has(volume.type) ? volume.iops : undefined,
        Throughput: withThroughput.has(volume.type) ? volume.throughput : undefined,
        DeleteOnTermination: volume.deleteOnTermination,
      },
    })),
    TagSpecifications: [{ ResourceType: 'image', Tags: fromTagRecord(tags) }],
  };
}

export interface LaunchOrder {
  readonly imageId: string;
  /** One token makes one instance, however often it is ordered. */
  readonly clientToken: string;
  readonly tags: TagRecord;
  /** For what is made with the instance: its volumes and interfaces. */
  readonly tagsOfParts: TagRecord;
}

/** The launch of a machine as it was, but for what is wished. */
export function runRequest(
  machine: MachineConfiguration,
  wishes: InstanceWishes,
  { imageId, clientToken, tags, tagsOfParts }: LaunchOrder,
): RunInstancesRequest {
  const { attributes = { readAt: '' } } = machine;
  const type = wishes.type ?? machine.instanceType;
  // Of options that only some types have, a machine of another type gets none.
  const isSameType = type === machine.instanceType;
  const parts = (ResourceType: 'volume' | 'network-interface') => ({
    ResourceType,
    Tags: fromTagRecord(tagsOfParts),
  });
  return {
    ImageId: imageId,
    MinCount: 1,
    MaxCount: 1,
    ClientToken: clientToken,
    InstanceType: type as RunInstancesRequest['InstanceType'],
    KeyName: (wishes.keyName ?? machine.keyName) || undefined,
    IamInstanceProfile: profileOf(machine, wishes),
    UserData: wishes.userData === false ? undefined : attributes.userData,
    NetworkInterfaces: interfacesToMake(machine, wishes).map((one, _, all) =>
      interfaceRequest(one, wishes, all.length === 1),
    ),
    EbsOptimized: isSameType ? machine.ebsOptimized : undefined,
    Monitoring: machine.monitoring === undefined ? undefined : { Enabled: machine.monitoring },
    DisableApiTermination: attributes.disableApiTermination,
    // It would not let itself be stopped.
    DisableApiStop: wishes.stopped === true ? undefined : attributes.disableApiStop,
    InstanceInitiatedShutdownBehavior: attributes.shutdownBehavior as 'stop' | undefined,
    CreditSpecification:
      attributes.cpuCredits !== undefined && isBurstable(type)
        ? { CpuCredits: attributes.cpuCredits }
        : undefined,
    CpuOptions: isSameType ? cpuRequest(machine) : undefined,
    MetadataOptions: metadataRequest(machine, wishes),
    EnclaveOptions: isSameType && machine.enclave === true ? { Enabled: true } : undefined,
    HibernationOptions: isSameType && machine.hibernation === true ? { Configured: true } : undefined,
    MaintenanceOptions:
      machine.autoRecovery === undefined ? undefined : { AutoRecovery: machine.autoRecovery as 'default' },
    NetworkPerformanceOptions:
      isSameType && machine.bandwidthWeighting !== undefined
        ? { BandwidthWeighting: machine.bandwidthWeighting as 'default' }
        : undefined,
    PrivateDnsNameOptions: isMoved(wishes) ? undefined : hostnameRequest(machine),
    Placement: placementRequest(machine, wishes),
    TagSpecifications: [
      { ResourceType: 'instance', Tags: fromTagRecord(tags) },
      parts('volume'),
      parts('network-interface'),
    ],
  };
}

function cpuRequest({ cpuOptions: cpu }: MachineConfiguration): RunInstancesRequest['CpuOptions'] {
  return (
    cpu && {
      CoreCount: cpu.coreCount,
      ThreadsPerCore: cpu.threadsPerCore,
      AmdSevSnp: cpu.amdSevSnp as 'enabled' | undefined,
      NestedVirtualization: cpu.nestedVirtualization as 'enabled' | undefined,
    }
  );
}

function metadataRequest(
  { metadataOptions }: MachineConfiguration,
  { network }: InstanceWishes,
): RunInstancesRequest['MetadataOptions'] {
  return {
    HttpEndpoint: network === false ? 'disabled' : (metadataOptions?.httpEndpoint as 'enabled' | undefined),
    HttpTokens: metadataOptions?.httpTokens as 'required' | undefined,
    HttpPutResponseHopLimit: metadataOptions?.httpPutResponseHopLimit,
    HttpProtocolIpv6: metadataOptions?.httpProtocolIpv6 as 'enabled' | undefined,
    InstanceMetadataTags: metadataOptions?.instanceMetadataTags as 'enabled' | undefined,
  };
}

function hostnameRequest({
  privateDnsName: name,
}: MachineConfiguration): RunInstancesRequest['PrivateDnsNameOptions'] {
  return (
    name && {
      HostnameType: name.hostnameType as 'ip-name' | undefined,
      EnableResourceNameDnsARecord: name.resourceNameARecord,
      EnableResourceNameDnsAAAARecord: name.resourceNameAaaaRecord,
    }
  );
}

function placementRequest(
  { tenancy, placementGroup, host }: MachineConfiguration,
  wishes: InstanceWishes,
): RunInstancesRequest['Placement'] {
  return {
    Tenancy: tenancy as 'default' | undefined,
    ...(!isMoved(wishes) && {
      GroupName: placementGroup?.name,
      PartitionNumber: placementGroup?.partition,
      HostId: host?.id,
      Affinity: host?.id === undefined ? undefined : host.affinity,
    }),
  };
}

/** A burstable type, which alone has a specification of CPU credits. */
function isBurstable(type: string): boolean {
  return /^t\d/.test(type);
}

/** True of a launch in another subnet than the machine's own, which may be in another zone or VPC. */
function isMoved({ subnet }: InstanceWishes): boolean {
  return subnet !== undefined;
}

/** The profile's name; without a network only one that is asked for, as nobody outside can be reached with it. */
export function profileNameOf(machine: MachineConfiguration, wishes: InstanceWishes): string | undefined {
  if (wishes.iamInstanceProfile !== undefined) return wishes.iamInstanceProfile || undefined;
  return wishes.network === false ? undefined : machine.iamInstanceProfileArn?.split('/').at(-1);
}

function profileOf(
  machine: MachineConfiguration,
  wishes: InstanceWishes,
): RunInstancesRequest['IamInstanceProfile'] {
  const name = profileNameOf(machine, wishes);
  if (name === undefined) return undefined;
  return wishes.iamInstanceProfile === undefined ? { Arn: machine.iamInstanceProfileArn } : { Name: name };
}

/** The interfaces that a machine had. */
export function recordedInterfaces(machine: MachineConfiguration): readonly Interface[] {
  const { networkInterfaces = [], subnetId, securityGroupIds, privateIpAddress } = machine;
  if (networkInterfaces.length > 0 || subnetId === undefined) return networkInterfaces;
  const none = { secondaryIpAddresses: [], ipv6Addresses: [], ipv4Prefixes: [], ipv6Prefixes: [] };
  return [{ interfaceId: '', deviceIndex: 0, subnetId, securityGroupIds, privateIpAddress, ...none }];
}

/**
 * The interfaces that it gets: all as they were, or where something else is wished of its network, the first one alone,
 * with that.
 */
export function interfacesToMake(
  machine: MachineConfiguration,
  wishes: InstanceWishes,
): readonly Interface[] {
  const own = recordedInterfaces(machine).filter(
    ({ interfaceType, deviceIndex }) => deviceIndex === 0 || makeable.has(interfaceType ?? 'interface'),
  );
  const { subnet, securityGroups, network } = wishes;
  if (subnet === undefined && securityGroups === undefined && network === undefined) return own;
  const [primary] = own;
  if (primary === undefined) return [];
  // What another subnet may lack.
  const left = subnet === undefined ? {} : { ipv6Addresses: [], ipv4Prefixes: [], ipv6Prefixes: [] };
  return [
    {
      ...primary,
      ...left,
      subnetId: subnet ?? primary.subnetId,
      securityGroupIds: securityGroups ?? primary.securityGroupIds,
    },
  ];
}

function interfaceRequest(
  one: Interface,
  { privateAddress, network }: InstanceWishes,
  isOnly: boolean,
): InstanceNetworkInterfaceSpecification {
  const keeps = privateAddress === 'keep';
  const { secondaryIpAddresses: secondary, ipv6Addresses, ipv4Prefixes, ipv6Prefixes } = one;
  const addresses = [one.privateIpAddress ?? [], secondary].flat();
  const countOf = (list: readonly string[]) => (keeps || list.length === 0 ? undefined : list.length);
  return {
    DeviceIndex: one.deviceIndex,
    NetworkCardIndex: one.networkCardIndex || undefined,
    InterfaceType: one.interfaceType === 'efa' ? 'efa' : undefined,
    SubnetId: one.subnetId,
    Groups: [...one.securityGroupIds],
    Description: one.description,
    DeleteOnTermination: one.deleteOnTermination,
    PrivateIpAddresses: keeps
      ? addresses.map((PrivateIpAddress, index) => ({ PrivateIpAddress, Primary: index === 0 }))
      : undefined,
    SecondaryPrivateIpAddressCount: countOf(secondary),
    Ipv6Addresses: keeps ? ipv6Addresses.map((Ipv6Address) => ({ Ipv6Address })) : undefined,
    Ipv6AddressCount: countOf(ipv6Addresses),
    Ipv4Prefixes: keeps ? ipv4Prefixes.map((Ipv4Prefix) => ({ Ipv4Prefix })) : undefined,
    Ipv4PrefixCount: countOf(ipv4Prefixes),
    Ipv6Prefixes: keeps ? ipv6Prefixes.map((Ipv6Prefix) => ({ Ipv6Prefix })) : undefined,
    Ipv6PrefixCount: countOf(ipv6Prefixes),
    // EC2 takes it of a single interface only.
    AssociatePublicIpAddress: isOnly
      ? network !== false && one.publicIp !== undefined && !one.publicIp.isElastic
      : undefined,
  };
}
