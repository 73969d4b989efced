import { CloudWatchClient, GetMetricDataCommand, ListMetricsCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeTableCommand, DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { DescribeInstancesCommand, DescribeVolumesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { DescribeFileSystemsCommand, EFSClient } from '@aws-sdk/client-efs';
import { DescribeDBClustersCommand, DescribeDBInstancesCommand, RDSClient } from '@aws-sdk/client-rds';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { AccessDeniedError } from '@holdfast/engine';
import { FakeClock } from '@holdfast/engine/testing';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, expect, test } from 'vitest';
import { AccountInventory } from '../src/inventory/account-inventory.ts';

const region = 'eu-west-1';
const gibibyte = 2 ** 30;
const clients = {
  s3: new S3Client({ region }),
  ec2: new EC2Client({ region }),
  cloudWatch: new CloudWatchClient({ region }),
  efs: new EFSClient({ region }),
  rds: new RDSClient({ region }),
  dynamo: new DynamoDBClient({ region }),
};
const mocks = {
  s3: mockClient(clients.s3),
  ec2: mockClient(clients.ec2),
  cloudWatch: mockClient(clients.cloudWatch),
  efs: mockClient(clients.efs),
  rds: mockClient(clients.rds),
  dynamo: mockClient(clients.dynamo),
};
const inventory = new AccountInventory(
  clients,
  { region, account: '111122223333', partition: 'aws' },
  new FakeClock('2026-11-23T12:00:00.000Z'),
);

beforeEach(() => {
  for (const mock of Object.values(mocks)) mock.reset();
  mocks.s3.on(ListBucketsCommand).resolves({
    Buckets: [
      { Name: 'photos', BucketRegion: region },
      { Name: 'new', BucketRegion: region },
      { Name: 'far', BucketRegion: 'us-west-2' },
    ],
  });
});

const dimensions = (bucket: string, type: string) => [
  { Name: 'BucketName', Value: bucket },
  { Name: 'StorageType', Value: type },
];

const disks = (...ids: string[]) => ids.map((VolumeId) => ({ Ebs: { VolumeId } }));

const fileSystemArn = (id: string) => `arn:aws:elasticfilesystem:${region}:111122223333:file-system/${id}`;

function refusal(name: string): Error {
  return Object.assign(new Error('no'), { name, $metadata: { httpStatusCode: 403 } });
}

test('a bucket is as large as its storage classes together were last, and a young one is of unknown size', async () => {
  mocks.cloudWatch.on(ListMetricsCommand).resolves({
    Metrics: [
      { Dimensions: dimensions('photos', 'StandardStorage') },
      { Dimensions: dimensions('photos', 'GlacierStorage') },
      { Dimensions: dimensions('new', 'StandardStorage') },
    ],
  });
  mocks.cloudWatch
    .on(GetMetricDataCommand)
    .resolvesOnce({ NextToken: 'more', MetricDataResults: [{ Id: 'm0', Values: [100] }] })
    .resolves({
      MetricDataResults: [
        { Id: 'm0', Values: [90] },
        { Id: 'm1', Values: [7] },
        { Id: 'm2', Values: [] },
      ],
    });

  expect(await Array.fromAsync(inventory.listBuckets())).toEqual([
    { arn: 'arn:aws:s3:::photos', kind: 's3-bucket', bytes: 107 },
    { arn: 'arn:aws:s3:::new', kind: 's3-bucket', bytes: undefined },
  ]);
});

test('without the right to sizes, buckets are listed all the same', async () => {
  mocks.cloudWatch.on(ListMetricsCommand).rejects(refusal('AccessDenied'));

  expect((await Array.fromAsync(inventory.listBuckets())).map(({ bytes }) => bytes)).toEqual([
    undefined,
    undefined,
  ]);
});

test('what may not be listed is said as a refusal', async () => {
  mocks.efs.on(DescribeFileSystemsCommand).rejects(refusal('AccessDeniedException'));

  await expect(Array.fromAsync(inventory.listFileSystems())).rejects.toThrow(AccessDeniedError);
});

test('lists file systems by pages, with the bytes that they have', async () => {
  mocks.efs
    .on(DescribeFileSystemsCommand)
    .resolvesOnce({
      FileSystems: [
        fileSystem({
          FileSystemId: 'fs-1',
          FileSystemArn: fileSystemArn('fs-1'),
          SizeInBytes: { Value: 6144 },
        }),
      ],
      NextMarker: 'next',
    })
    .resolves({ FileSystems: [fileSystem({ FileSystemId: 'fs-2', Name: 'homes' })] });

  expect(await Array.fromAsync(inventory.listFileSystems())).toMatchObject([
    { arn: fileSystemArn('fs-1'), bytes: 6144 },
    { arn: fileSystemArn('fs-2'), bytes: undefined, name: 'homes' },
  ]);
});

function fileSystem(fields: object) {
  return {
    OwnerId: '111122223333',
    CreationToken: 't',
    CreationTime: new Date(0),
    LifeCycleState: 'available' as const,
    NumberOfMountTargets: 0,
    PerformanceMode: 'generalPurpose' as const,
    Tags: [],
    FileSystemId: '',
    SizeInBytes: undefined,
    ...fields,
  } as never;
}

test('members of a database cluster are listed as the cluster, and replicas as their source', async () => {
  mocks.rds.on(DescribeDBInstancesCommand).resolves({
    DBInstances: [
      { DBInstanceArn: 'arn:db:alone', AllocatedStorage: 20 },
      { DBInstanceArn: 'arn:db:member', DBClusterIdentifier: 'aurora', AllocatedStorage: 1 },
      {
        DBInstanceArn: 'arn:db:replica',
        ReadReplicaSourceDBInstanceIdentifier: 'alone',
        AllocatedStorage: 20,
      },
      { DBInstanceArn: 'arn:db:of-cluster', ReadReplicaSourceDBClusterIdentifier: 'aurora' },
    ],
  });
  mocks.rds.on(DescribeDBClustersCommand).resolves({
    DBClusters: [
      { DBClusterArn: 'arn:cluster:aurora' },
      { DBClusterArn: 'arn:cluster:far', ReplicationSourceIdentifier: 'arn:cluster:aurora' },
    ],
  });

  expect(await Array.fromAsync(inventory.listDatabases())).toEqual([
    { arn: 'arn:db:alone', kind: 'database', bytes: 20 * gibibyte },
    { arn: 'arn:cluster:aurora', kind: 'database' },
  ]);
});

test('a table that is deleted while tables are listed is left out', async () => {
  mocks.dynamo.on(ListTablesCommand).resolves({ TableNames: ['stays', 'goes'] });
  mocks.dynamo
    .on(DescribeTableCommand, { TableName: 'stays' })
    .resolves({ Table: { TableArn: 'arn:table/stays', TableSizeBytes: 9 } })
    .on(DescribeTableCommand, { TableName: 'goes' })
    .rejects(refusal('ResourceNotFoundException'));

  expect(await Array.fromAsync(inventory.listTables())).toEqual([
    { arn: 'arn:table/stays', kind: 'dynamodb-table', bytes: 9 },
  ]);
});

test('an instance whose disks are not all known is of unknown size, and shared volumes count for each', async () => {
  mocks.ec2.on(DescribeVolumesCommand).resolves({
    Volumes: [
      { VolumeId: 'vol-1', Size: 8 },
      { VolumeId: 'vol-2', Size: 100 },
    ],
  });
  mocks.ec2.on(DescribeInstancesCommand).resolves({
    Reservations: [
      {
        Instances: [
          { InstanceId: 'i-1', BlockDeviceMappings: disks('vol-1', 'vol-2') },
          { InstanceId: 'i-2', BlockDeviceMappings: disks('vol-2') },
          { InstanceId: 'i-new', BlockDeviceMappings: disks('vol-new') },
          { InstanceId: 'i-store', RootDeviceType: 'instance-store' },
          { InstanceId: 'i-bare', RootDeviceType: 'ebs' },
        ],
      },
    ],
  });

  const found = await Array.fromAsync(inventory.listImages());

  expect(found.map(({ arn, bytes }) => [arn.split('/')[1], bytes])).toEqual([
    ['i-1', 108 * gibibyte],
    ['i-2', 100 * gibibyte],
    ['i-new', undefined],
    ['i-store', undefined],
    ['i-bare', 0],
  ]);
});
