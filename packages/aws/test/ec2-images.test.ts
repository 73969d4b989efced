import {
  CreateSnapshotCommand,
  CreateSnapshotsCommand,
  CreateTagsCommand,
  CreateVolumeCommand,
  DeleteSnapshotCommand,
  DescribeSnapshotsCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { StoreUnavailableError, UnknownNameError } from '@holdfast/engine';
import { Ec2Images } from '../src/images/ec2-images.ts';
import { networkError, sdkError } from './sdk-failures.ts';

const mock = mockClient(EC2Client);
afterAll(() => mock.restore());
const options = { region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } };
const clients = { ec2: new EC2Client(options), ec2WithoutRetries: new EC2Client(options) };
const images = new Ec2Images(clients);

const volume = {
  volumeId: 'vol-1',
  sizeGiB: 1,
  type: 'gp3',
  encrypted: false,
  availabilityZone: 'us-east-1a',
  tags: {},
};
const machine = { instanceId: 'i-1', volumes: [volume] };
/** As many tags as a run puts on its snapshots. */
const two = { 'holdfast:run': 'r', 'holdfast:attempt': 'a' };
const tagsNamed = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`own${n}`, 'x']));

function mismatch(message: string): Error {
  return Object.assign(sdkError('IdempotentParameterMismatch', 400), { message });
}

/** What was made; EC2 has to have taken the order. */
function made<Made>(outcome: Made | 'busy'): Made {
  if (outcome === 'busy') throw new Error('EC2 takes no snapshots');
  return outcome;
}

beforeEach(() => {
  mock.reset();
});

test('snapshots are made by the client that never repeats', async () => {
  mock.on(CreateSnapshotsCommand).rejects(networkError('ETIMEDOUT'));

  await expect(images.createMachineSnapshots(machine, {}, 'x')).rejects.toBeInstanceOf(StoreUnavailableError);

  expect(mock.commandCalls(CreateSnapshotsCommand)[0]?.thisValue).toBe(clients.ec2WithoutRetries);
});

test('a volume’s snapshot has our tags first, its own as far as there is room, and none of the service’s', async () => {
  mock.on(CreateSnapshotCommand).resolves({ SnapshotId: 'snap-1' });
  const own = { 'aws:cloudformation:stack-name': 's', run: 'theirs', ...tagsNamed(60), Name: 'n' };

  const snapshot = made(await images.createVolumeSnapshot({ ...volume, tags: own }, { run: 'ours' }, 'x'));

  const tags = mock.commandCalls(CreateSnapshotCommand)[0]?.args[0].input.TagSpecifications?.[0]?.Tags ?? [];
  expect(tags).toHaveLength(50);
  expect(tags[0]).toEqual({ Key: 'run', Value: 'ours' });
  expect(tags[1]).toEqual({ Key: 'Name', Value: 'n' });
  expect(tags.filter(({ Key }) => Key === 'run' || Key?.startsWith('aws:'))).toHaveLength(1);
  expect(snapshot.tagsLeftOff).toHaveLength(12);
});

test('an instance’s snapshots have as many tags of their volumes as EC2 takes, of one volume with too many as well', async () => {
  mock.on(CreateSnapshotsCommand).resolves({
    Snapshots: [
      { SnapshotId: 'snap-1', VolumeId: 'vol-1' },
      { SnapshotId: 'snap-2', VolumeId: 'vol-2' },
    ],
  });
  const full = { ...volume, volumeId: 'vol-2', tags: { ...tagsNamed(49), Name: 'n' } };

  await images.createMachineSnapshots(
    { ...machine, volumes: [{ ...volume, tags: tagsNamed(48) }] },
    two,
    'x',
  );
  const snapshots = made(
    await images.createMachineSnapshots({ ...machine, volumes: [volume, full] }, two, 'x'),
  );

  const [copying, own] = mock.commandCalls(CreateSnapshotsCommand).map(({ args }) => args[0].input);
  expect(copying?.CopyTagsFromSource).toBe('volume');
  expect(own?.CopyTagsFromSource).toBeUndefined();
  const tagged = mock.commandCalls(CreateTagsCommand).map(({ args }) => args[0].input);
  expect(tagged.map(({ Resources, Tags }) => [Resources, Tags?.length])).toEqual([[['snap-2'], 48]]);
  expect(snapshots.map(({ tagsLeftOff }) => tagsLeftOff)).toEqual([[], ['own47', 'own48']]);
});

test('snapshots that cannot be given their volumes’ tags are snapshots all the same', async () => {
  mock.on(CreateSnapshotsCommand).resolves({ Snapshots: [{ SnapshotId: 'snap-1', VolumeId: 'vol-1' }] });
  mock.on(CreateTagsCommand).rejects(sdkError('UnauthorizedOperation', 403));
  const full = { ...volume, tags: tagsNamed(50) };

  const [snapshot] = made(await images.createMachineSnapshots({ ...machine, volumes: [full] }, two, 'x'));

  expect(snapshot?.snapshotId).toBe('snap-1');
  expect(snapshot?.tagsLeftOff).toHaveLength(50);
});

test('a volume that an earlier order made and EC2 removed is an answer; other misuse of a token is not', async () => {
  const order = { snapshotId: 'snap-1', availabilityZone: 'us-east-1a', clientToken: 't', tags: {} };
  mock
    .on(CreateVolumeCommand)
    .rejectsOnce(mismatch('The client token is associated with a resource that is already deleted.'))
    .rejectsOnce(
      mismatch('The request uses the same client token as a previous, but non-identical request.'),
    );

  expect(await images.createVolume(order)).toBeUndefined();
  await expect(images.createVolume(order)).rejects.toThrow(/non-identical/);
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

test.for([
  'PendingSnapshotLimitExceeded',
  'ConcurrentSnapshotLimitExceeded',
  'SnapshotCreationPerVolumeRateExceeded',
  'RequestLimitExceeded',
])('snapshots that EC2 refuses with %s can be ordered again later', async (name) => {
  mock.on(CreateSnapshotsCommand).rejects(sdkError(name, name === 'RequestLimitExceeded' ? 503 : 400));
  mock.on(CreateSnapshotCommand).rejects(sdkError(name, 400));

  expect(await images.createMachineSnapshots(machine, two, 'x')).toBe('busy');
  expect(await images.createVolumeSnapshot(volume, two, 'x')).toBe('busy');
});

test('an id that EC2 does not know is named', async () => {
  mock.on(CreateSnapshotsCommand).rejects(sdkError('InvalidInstanceID.NotFound', 400));

  const refused = images.createMachineSnapshots(machine, {}, 'x');

  await expect(refused).rejects.toBeInstanceOf(UnknownNameError);
  await expect(refused).rejects.toThrow('i-1');
});
