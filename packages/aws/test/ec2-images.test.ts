import {
  CreateSnapshotCommand,
  CreateSnapshotsCommand,
  DeleteSnapshotCommand,
  DescribeSnapshotsCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, expect, test } from 'vitest';
import { StoreUnavailableError, UnknownNameError } from '@holdfast/engine';
import { Ec2Images } from '../src/ec2-images.ts';
import { networkError, sdkError } from './sdk-failures.ts';

const mock = mockClient(EC2Client);
const options = { region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } };
const clients = { ec2: new EC2Client(options), ec2WithoutRetries: new EC2Client(options) };
const images = new Ec2Images(clients);

beforeEach(() => {
  mock.reset();
});

test('snapshots are made by the client that never repeats', async () => {
  mock.on(CreateSnapshotsCommand).rejects(networkError('ETIMEDOUT'));

  await expect(images.createMachineSnapshots('i-1', {}, 'x')).rejects.toBeInstanceOf(StoreUnavailableError);

  expect(mock.commandCalls(CreateSnapshotsCommand)[0]?.thisValue).toBe(clients.ec2WithoutRetries);
});

test('a volume’s snapshot has our tags first, its own as far as there is room, and none of the service’s', async () => {
  mock.on(CreateSnapshotCommand).resolves({ SnapshotId: 'snap-1' });
  const own = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`own${n}`, 'x']));
  const volume = {
    volumeId: 'vol-1',
    sizeGiB: 1,
    type: 'gp3',
    encrypted: false,
    availabilityZone: 'us-east-1a',
    tags: { 'aws:cloudformation:stack-name': 's', run: 'theirs', ...own },
  };

  await images.createVolumeSnapshot(volume, { run: 'ours' }, 'x');

  const tags = mock.commandCalls(CreateSnapshotCommand)[0]?.args[0].input.TagSpecifications?.[0]?.Tags ?? [];
  expect(tags).toHaveLength(50);
  expect(tags[0]).toEqual({ Key: 'run', Value: 'ours' });
  expect(tags.filter(({ Key }) => Key === 'run' || Key?.startsWith('aws:'))).toHaveLength(1);
});

test('snapshots of a run are found over all pages, oldest first', async () => {
  mock
    .on(DescribeSnapshotsCommand)
    .resolvesOnce({
      Snapshots: [{ SnapshotId: 'snap-2', StartTime: new Date(2000), Progress: '40%', State: 'pending' }],
      NextToken: 'next',
    })
    .resolvesOnce({
      Snapshots: [{ SnapshotId: 'snap-1', StartTime: new Date(1000), State: 'error', StateMessage: 'no' }],
    });

  const found = await images.findSnapshots('run', 'r1');

  expect(found.map((one) => one.snapshotId)).toEqual(['snap-1', 'snap-2']);
  expect(found).toMatchObject([{ state: 'error', stateMessage: 'no' }, { progress: 40 }]);
  expect(mock.commandCalls(DescribeSnapshotsCommand)[0]?.args[0].input).toMatchObject({
    OwnerIds: ['self'],
    Filters: [{ Name: 'tag:run', Values: ['r1'] }],
  });
});

test('a snapshot that is in use is not taken for one that is gone, nor for a failure', async () => {
  mock
    .on(DeleteSnapshotCommand)
    .rejectsOnce(sdkError('InvalidSnapshot.NotFound', 400))
    .rejectsOnce(sdkError('InvalidSnapshot.InUse', 400))
    .rejectsOnce(sdkError('OperationNotPermitted', 400));

  expect(await images.removeSnapshot('snap-1')).toBe('removed');
  expect(await images.removeSnapshot('snap-1')).toBe('in-use');
  await expect(images.removeSnapshot('snap-1')).rejects.toThrow(/snap-1.*OperationNotPermitted/);
});

test('an id that EC2 does not know is named', async () => {
  mock.on(CreateSnapshotsCommand).rejects(sdkError('InvalidInstanceID.NotFound', 400));

  const refused = images.createMachineSnapshots('i-1', {}, 'x');

  await expect(refused).rejects.toBeInstanceOf(UnknownNameError);
  await expect(refused).rejects.toThrow('i-1');
});
