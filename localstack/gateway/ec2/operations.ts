import { deregisterImage, registerImage } from './images.ts';
import { describeInstances, runInstances } from './instances.ts';
import type { QueryStructure, XmlStructure } from './query-protocol.ts';
import type { Ec2Context } from './region.ts';
import { createSnapshot, createSnapshots, deleteSnapshot, describeSnapshots } from './snapshots.ts';
import { createTags, deleteTags } from './tags.ts';
import { createVolume, describeVolumes, modifyVolume } from './volumes.ts';

/** One EC2 operation: the parameters that it takes (others are refused, as by AWS), and its work. */
export interface Ec2Operation {
  readonly parameters: readonly string[];
  readonly run: (context: Ec2Context, input: QueryStructure) => XmlStructure | Promise<XmlStructure>;
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
      ),
      run: runInstances,
    },
    DescribeInstances: { parameters: [...paged, 'InstanceId'], run: describeInstances },
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
    RegisterImage: {
      parameters: names(
        'ImageLocation BillingProduct BootMode TpmSupport UefiData ImdsSupport TagSpecification',
        'Name Description Architecture KernelId RamdiskId RootDeviceName BlockDeviceMapping',
        'VirtualizationType SriovNetSupport EnaSupport',
      ),
      run: registerImage,
    },
    DeregisterImage: { parameters: ['ImageId', 'DeleteAssociatedSnapshots'], run: deregisterImage },
    CreateTags: { parameters: ['ResourceId', 'Tag'], run: createTags },
    DeleteTags: { parameters: ['ResourceId', 'Tag'], run: deleteTags },
  } satisfies Record<string, Ec2Operation>),
);
