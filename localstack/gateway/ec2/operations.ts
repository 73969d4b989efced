import { deregisterImage, describeImages, registerImage } from './images.ts';
import {
  describeCredits,
  describeInstanceAttribute,
  describeInstances,
  describeTypeOfferings,
  stopInstances,
  terminateInstances,
} from './instances.ts';
import { planLaunch, runInstances } from './launches.ts';
import { deleteKeyPair, describeKeyPairs, importKeyPair } from './network/key-pairs.ts';
import { describeNetworkInterfaces } from './network/network-interfaces.ts';
import {
  authorizeIngress,
  createSecurityGroup,
  deleteSecurityGroup,
  describeSecurityGroups,
  revokeEgress,
} from './network/security-groups.ts';
import { describeSubnets } from './network/subnets.ts';
import { describeAvailabilityZones } from './network/zones.ts';
import type { QueryStructure, XmlStructure } from './query-protocol.ts';
import type { Ec2Context } from './region.ts';
import {
  createSnapshot,
  createSnapshots,
  deleteSnapshot,
  describeSnapshots,
  describeLockedSnapshots,
  lockSnapshot,
} from './snapshots.ts';
import { createTags, deleteTags } from './tags.ts';
import { createVolume, describeVolumes, modifyVolume } from './volumes.ts';

/** One EC2 operation: the parameters that it takes (others are refused, as by AWS), and its work. */
export interface Ec2Operation {
  readonly parameters: readonly string[];
  readonly run: (context: Ec2Context, input: QueryStructure) => XmlStructure | Promise<XmlStructure>;
  /** Checks of a DryRun beyond the names of parameters. */
  readonly check?: (context: Ec2Context, input: QueryStructure) => void;
}

const names = (...lines: readonly string[]): string[] => lines.flatMap((line) => line.split(' '));

const paged = ['Filter', 'MaxResults', 'NextToken'];

/** The operations that the gateway's own EC2 model has; all others go to the upstream. */
export const ec2Operations: ReadonlyMap<string, Ec2Operation> = new Map(
  Object.entries({
    RunInstances: {
      parameters: names(
        'BlockDeviceMapping ImageId InstanceType KeyName MaxCount MinCount Monitoring Placement',
        'RamdiskId KernelId SecurityGroup SecurityGroupId SubnetId UserData AdditionalInfo',
        'ClientToken DisableApiTermination DisableApiStop EbsOptimized IamInstanceProfile',
        'InstanceInitiatedShutdownBehavior NetworkInterface PrivateIpAddress TagSpecification',
        'CpuOptions CreditSpecification HibernationOptions MetadataOptions EnclaveOptions',
        'MaintenanceOptions PrivateDnsNameOptions Ipv6Address Ipv6AddressCount LaunchTemplate',
        'CapacityReservationSpecification InstanceMarketOptions LicenseSpecification',
        'NetworkPerformanceOptions EnablePrimaryIpv6',
      ),
      run: runInstances,
      check: planLaunch,
    },
    DescribeInstances: { parameters: [...paged, 'InstanceId'], run: describeInstances },
    DescribeInstanceAttribute: {
      parameters: ['InstanceId', 'Attribute'],
      run: describeInstanceAttribute,
    },
    DescribeInstanceCreditSpecifications: {
      parameters: [...paged, 'InstanceId'],
      run: describeCredits,
    },
    DescribeInstanceTypeOfferings: {
      parameters: [...paged, 'LocationType'],
      run: describeTypeOfferings,
    },
    StopInstances: { parameters: ['InstanceId', 'Force', 'Hibernate', 'SkipOsShutdown'], run: stopInstances },
    TerminateInstances: { parameters: ['InstanceId', 'Force', 'SkipOsShutdown'], run: terminateInstances },
    DescribeAvailabilityZones: {
      parameters: ['Filter', 'ZoneName', 'AllAvailabilityZones'],
      run: describeAvailabilityZones,
    },
    DescribeSubnets: { parameters: [...paged, 'SubnetId'], run: describeSubnets },
    DescribeSecurityGroups: {
      parameters: [...paged, 'GroupId', 'GroupName'],
      run: describeSecurityGroups,
    },
    CreateSecurityGroup: {
      parameters: ['GroupName', 'GroupDescription', 'VpcId', 'TagSpecification'],
      run: createSecurityGroup,
    },
    DeleteSecurityGroup: { parameters: ['GroupId', 'GroupName'], run: deleteSecurityGroup },
    AuthorizeSecurityGroupIngress: {
      parameters: ['GroupId', 'IpPermissions', 'TagSpecification'],
      run: authorizeIngress,
    },
    RevokeSecurityGroupEgress: { parameters: ['GroupId', 'IpPermissions'], run: revokeEgress },
    ImportKeyPair: { parameters: ['KeyName', 'PublicKeyMaterial', 'TagSpecification'], run: importKeyPair },
    DeleteKeyPair: { parameters: ['KeyName', 'KeyPairId'], run: deleteKeyPair },
    DescribeKeyPairs: {
      parameters: ['Filter', 'KeyName', 'KeyPairId', 'IncludePublicKey'],
      run: describeKeyPairs,
    },
    DescribeNetworkInterfaces: {
      parameters: [...paged, 'NetworkInterfaceId'],
      run: describeNetworkInterfaces,
    },
    CreateVolume: {
      parameters: names(
        'AvailabilityZone AvailabilityZoneId Encrypted Iops KmsKeyId OutpostArn Size SnapshotId',
        'VolumeType TagSpecification MultiAttachEnabled Throughput ClientToken',
        'VolumeInitializationRate Operator',
      ),
      run: createVolume,
    },
    ModifyVolume: { parameters: ['VolumeId', 'Size'], run: modifyVolume },
    DescribeVolumes: { parameters: [...paged, 'VolumeId'], run: describeVolumes },
    CreateSnapshot: {
      parameters: ['Description', 'OutpostArn', 'VolumeId', 'TagSpecification', 'Location'],
      run: createSnapshot,
    },
    CreateSnapshots: {
      parameters: names(
        'Description InstanceSpecification OutpostArn TagSpecification CopyTagsFromSource Location',
      ),
      run: createSnapshots,
    },
    DescribeSnapshots: {
      parameters: [...paged, 'Owner', 'RestorableBy', 'SnapshotId'],
      run: describeSnapshots,
    },
    DeleteSnapshot: { parameters: ['SnapshotId'], run: deleteSnapshot },
    DescribeLockedSnapshots: { parameters: [...paged, 'SnapshotId'], run: describeLockedSnapshots },
    LockSnapshot: { parameters: ['SnapshotId', 'LockMode', 'ExpirationDate'], run: lockSnapshot },
    RegisterImage: {
      parameters: names(
        'ImageLocation BillingProduct BootMode TpmSupport UefiData ImdsSupport TagSpecification',
        'Name Description Architecture KernelId RamdiskId RootDeviceName BlockDeviceMapping',
        'VirtualizationType SriovNetSupport EnaSupport',
      ),
      run: registerImage,
    },
    DescribeImages: {
      parameters: names(
        'Filter MaxResults NextToken ImageId Owner ExecutableBy IncludeDeprecated IncludeDisabled',
      ),
      run: describeImages,
    },
    DeregisterImage: { parameters: ['ImageId', 'DeleteAssociatedSnapshots'], run: deregisterImage },
    CreateTags: { parameters: ['ResourceId', 'Tag'], run: createTags },
    DeleteTags: { parameters: ['ResourceId', 'Tag'], run: deleteTags },
  } satisfies Record<string, Ec2Operation>),
);
