import { DeregisterImageCommand, RegisterImageCommand } from '@aws-sdk/client-ec2';
import { describe, expect, test, vi } from 'vitest';
import { Ec2Images } from '@holdfast/aws/ec2';
import { UnknownNameError } from '@holdfast/engine';
import { patienceMs } from '../support/patience.ts';
import { connect, uniqueName } from './support/emulated-aws.ts';
import { makeVolume, startMachine } from './support/machines.ts';

const clients = connect();
const images = new Ec2Images(clients);
const runTag = 'holdfast:run';

function orderedOf<Made>(made: Made | 'busy'): Made {
  if (made === 'busy') throw new Error('EC2 takes no snapshots');
  return made;
}

describe('an instance', () => {
  test('is described with its volumes in the order of their devices', async () => {
    const instanceId = await startMachine(clients.ec2, { team: 'a' });

    const machine = await images.getMachine(instanceId);

    expect(machine).toMatchObject({
      instanceId,
      instanceType: 't4g.small',
      imageId: 'ami-0123456789abcdef0',
    });
    expect(machine.tags).toMatchObject({ team: 'a' });
    expect(
      machine.volumes.map((one) => [one.device, one.sizeGiB, one.isRoot, one.deleteOnTermination]),
    ).toEqual([
      ['/dev/sdf', 2, false, false],
      ['/dev/xvda', 1, true, true],
    ]);
    expect(JSON.parse(JSON.stringify(machine))).toEqual(machine);
  });

  test('that does not exist is named', async () => {
    await expect(images.getMachine('i-0123456789abcdef0')).rejects.toBeInstanceOf(UnknownNameError);
    await expect(images.getVolume('vol-0123456789abcdef0')).rejects.toBeInstanceOf(UnknownNameError);
  });

  test('gets one snapshot a volume, of one moment, that its run finds by tag', async () => {
    const machine = await images.getMachine(await startMachine(clients.ec2, {}, { data: 'yes' }));
    const run = uniqueName('run');

    const made = orderedOf(await images.createMachineSnapshots(machine, { [runTag]: run }, 'a test'));

    expect(made.map((one) => one.volumeId).sort()).toEqual(machine.volumes.map((one) => one.volumeId).sort());
    expect(new Set(made.map((one) => one.startedAt.getTime())).size).toBe(1);
    await vi.waitFor(
      async () => {
        const found = await images.findSnapshots(runTag, run);
        expect(found.map((one) => one.snapshotId).sort()).toEqual(made.map((one) => one.snapshotId).sort());
        for (const one of found) expect(one.tags).toMatchObject({ [runTag]: run, data: 'yes' });
      },
      { timeout: patienceMs },
    );
    expect(await images.findSnapshots(runTag, uniqueName('other'))).toEqual([]);
  });
});

test.for([48, 49, 50])('an instance whose volumes have %i tags gets its snapshots', async (count) => {
  // Beside the name that every volume here has.
  const own = Object.fromEntries(Array.from({ length: count - 1 }, (_, n) => [`own${n}`, 'x']));
  const machine = await images.getMachine(await startMachine(clients.ec2, {}, own));
  const run = uniqueName('run');

  const ours = { [runTag]: run, 'holdfast:attempt': 'one' };
  const made = orderedOf(await images.createMachineSnapshots(machine, ours, 'a test'));

  expect(made).toHaveLength(2);
  const left = made.map(({ tagsLeftOff = [] }) => tagsLeftOff.length);
  expect(left).toEqual([count - 48, count - 48]);
  await vi.waitFor(
    async () => {
      const found = await images.findSnapshots(runTag, run);
      expect(found.map(({ tags }) => Object.keys(tags).length)).toEqual([50, 50]);
    },
    { timeout: patienceMs },
  );
});

describe('a volume', () => {
  test('gets a snapshot with its own tags, and a new volume comes of it once for each token', async () => {
    const volume = await images.getVolume(await makeVolume(clients.ec2, { 'own tag': 'x' }));
    const run = uniqueName('run');

    const { snapshotId } = orderedOf(await images.createVolumeSnapshot(volume, { [runTag]: run }, 'a test'));
    await vi.waitFor(
      async () => {
        const [state] = await images.describeSnapshots([snapshotId]);
        expect(state).toMatchObject({ state: 'completed', progress: 100, volumeId: volume.volumeId });
        expect(state?.tags).toMatchObject({ 'own tag': 'x', [runTag]: run });
      },
      { timeout: patienceMs },
    );
    const order = {
      snapshotId,
      availabilityZone: volume.availabilityZone,
      clientToken: uniqueName('token'),
      tags: { Name: 'restored', [runTag]: run },
    };
    const zones = await images.findZones();
    expect([zones.has(order.availabilityZone), zones.has(`${order.availabilityZone}z`)]).toEqual([
      true,
      false,
    ]);
    const one = (await images.createVolume(order))!;
    const two = await images.createVolume(order);

    expect(two).toBe(one);
    await vi.waitFor(
      async () => {
        expect(await images.describeVolumes([one])).toMatchObject([
          { volumeId: one, state: 'available', sizeGiB: 1 },
        ]);
      },
      { timeout: patienceMs },
    );
    expect((await images.getVolume(one)).tags).toMatchObject({ Name: 'restored' });
    expect(await images.findVolumes(runTag, run)).toEqual([one]);
  });

  test('keeps a snapshot that an AMI is made of until that is deregistered', async () => {
    const volume = await images.getVolume(await makeVolume(clients.ec2));
    const { snapshotId } = orderedOf(await images.createVolumeSnapshot(volume, {}, 'a test'));
    await vi.waitFor(
      async () =>
        expect(await images.describeSnapshots([snapshotId])).toMatchObject([{ state: 'completed' }]),
      { timeout: patienceMs },
    );
    const { ImageId } = await clients.ec2.send(
      new RegisterImageCommand({
        Name: uniqueName('image'),
        RootDeviceName: '/dev/xvda',
        BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { SnapshotId: snapshotId } }],
      }),
    );

    const refused = await images.removeSnapshot(snapshotId);
    await clients.ec2.send(new DeregisterImageCommand({ ImageId }));
    const removed = await images.removeSnapshot(snapshotId);

    expect([refused, removed]).toEqual(['in-use', 'removed']);
  });

  test('has as many bytes in use as its newest snapshot has blocks', async () => {
    const volumeId = await makeVolume(clients.ec2);
    expect(await images.findUsedBytes([volumeId])).toEqual(new Map());
    const volume = await images.getVolume(volumeId);
    const { snapshotId } = orderedOf(await images.createVolumeSnapshot(volume, {}, 'a test'));
    await vi.waitFor(
      async () =>
        expect(await images.describeSnapshots([snapshotId])).toMatchObject([
          { state: 'completed', usedBytes: 0 },
        ]),
      { timeout: patienceMs },
    );

    expect(await images.findUsedBytes([volumeId])).toEqual(new Map());
  });

  test('keeps a snapshot that is locked, and tells until when', async () => {
    const volume = await images.getVolume(await makeVolume(clients.ec2));
    const { snapshotId } = orderedOf(await images.createVolumeSnapshot(volume, {}, 'a test'));
    const until = new Date(Date.now() + 2 * 86_400_000);

    await images.lockSnapshot(snapshotId, 'governance', until);

    expect((await images.findLocks()).get(snapshotId)?.getTime()).toBeCloseTo(until.getTime(), -4);
    await expect(images.removeSnapshot(snapshotId)).rejects.toThrow('locked');
  });

  test('loses a snapshot that is removed, again too', async () => {
    const volume = await images.getVolume(await makeVolume(clients.ec2));
    const { snapshotId } = orderedOf(await images.createVolumeSnapshot(volume, {}, 'a test'));

    await images.removeSnapshot(snapshotId);
    await images.removeSnapshot(snapshotId);

    await vi.waitFor(async () => expect(await images.describeSnapshots([snapshotId])).toEqual([]), {
      timeout: patienceMs,
    });
  });
});
