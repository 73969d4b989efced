import type { VolumeConfiguration } from '@holdfast/aws';
import { StoreUnavailableError } from '@holdfast/engine';
import { expect, test, vi } from 'vitest';
import { makeDeployment, PLENTY, readJson } from './support/deployment.ts';
import { protectImage } from './support/imaging.ts';
import { makeVolume } from './support/memory-images.ts';
import { EXECUTION, endRestore, makeRestoring } from './support/restoring.ts';

const minute = 60_000;

test('volumes are made of an image, like the originals but for the tag that protects them', async () => {
  const deployment = makeDeployment();
  const { point, images } = await protectImage(deployment);
  const { planRestore, restoreVolumes, finishRestore } = makeRestoring(deployment, images);
  const target = { volumes: { availabilityZone: 'us-east-1b' } };

  const plan = await planRestore({ request: { point: point.pointId, target }, execution: EXECUTION }, PLENTY);
  images.volumeState = 'creating';
  const ordered = await restoreVolumes({ restoreId: plan.restoreId, pollSeconds: 15 }, PLENTY);
  images.volumeState = 'available';
  const made = await restoreVolumes({ restoreId: plan.restoreId, pollSeconds: 15 }, PLENTY);
  const report = await endRestore({ finishRestore }, { execution: EXECUTION, restoreId: plan.restoreId });

  expect(plan).toMatchObject({ mode: 'volumes', quote: { volumes: 2, bytes: 16 * 2 ** 30 } });
  expect([ordered.done, made.done]).toEqual([false, true]);
  expect(images.orders).toMatchObject([
    { availabilityZone: 'us-east-1b', type: 'gp3', iops: 3000, throughput: 125, tags: { Name: 'vol-1' } },
    { availabilityZone: 'us-east-1b', type: 'gp3', tags: { Name: 'vol-2' } },
  ]);
  expect(images.orders.some(({ tags }) => 'holdfast:plan' in tags || 'team:backup' in tags)).toBe(false);
  expect(report).toMatchObject({
    state: 'completed',
    volumes: [{ device: '/dev/xvda' }, { device: '/dev/xvdb' }],
  });
  expect(await readJson(deployment.work, report.machine!.key)).toMatchObject({ instanceType: 't3.micro' });
  expect(deployment.metrics.of('RestoresCompleted')).toEqual([1]);
});

test.for([false, true])(
  'a zone that is not there is refused before anything is written, dry run: %s',
  async (dryRun) => {
    const deployment = makeDeployment();
    const { point, images } = await protectImage(deployment);
    const { planRestore } = makeRestoring(deployment, images);
    const request = { point: point.pointId, target: { volumes: { availabilityZone: 'us-east-1z' } }, dryRun };

    const planned = planRestore({ request, execution: EXECUTION }, PLENTY);

    await expect(planned).rejects.toThrow(/no zone us-east-1z .*us-east-1a, us-east-1b, us-east-1c/);
  },
);

/** Plans a restore of an image with one volume of that kind, and gives the step that orders it. */
async function planVolume(
  wishes: { type?: string; iops?: number; throughput?: number } = {},
  original: Partial<VolumeConfiguration> = {},
  kmsKeyId?: string,
) {
  const deployment = makeDeployment();
  const machine = { volumes: [makeVolume('vol-1', original)] };
  const { images, point } = await protectImage(deployment, { machine, kmsKeyId });
  const { planRestore, restoreVolumes, finishRestore } = makeRestoring(deployment, images);
  const target = { volumes: { availabilityZone: 'us-east-1a', ...wishes } };
  const request = { point: point.pointId, target };
  const { restoreId } = await planRestore({ request, execution: EXECUTION }, PLENTY);
  return {
    deployment,
    images,
    order: async () => restoreVolumes({ restoreId, pollSeconds: 15 }, PLENTY),
    finish: async () => finishRestore({ execution: EXECUTION, restoreId }, PLENTY),
  };
}

const gp2 = { type: 'gp2', iops: 100, throughput: undefined };

test.for([
  ['as it was', {}, {}, { type: 'gp3', iops: 3000, throughput: 125 }],
  ['with its IOPS, and no throughput', { type: 'io2' }, {}, { type: 'io2', iops: 3000 }],
  ['without what its type does not take', { type: 'st1' }, {}, { type: 'st1' }],
  ['without the IOPS that gp2 has by itself', { type: 'gp3' }, gp2, { type: 'gp3' }],
  ['with the IOPS that were asked for', { type: 'io1', iops: 200 }, gp2, { type: 'io1', iops: 200 }],
  [
    'with the performance that was asked for',
    { iops: 4000, throughput: 500 },
    {},
    { type: 'gp3', iops: 4000, throughput: 500 },
  ],
] as const)('a volume is made %s', async ([, wishes, original, shape]) => {
  const { images, order } = await planVolume(wishes, original);

  await order();

  const { type, iops, throughput } = images.orders[0]!;
  expect({ type, iops, throughput }).toEqual({ iops: undefined, throughput: undefined, ...shape });
});

test.for([
  [{ type: 'io2' }, gp2, /io2 needs its IOPS.*vol-1.*--iops/],
  [{ type: 'io1' }, { type: 'standard', iops: undefined, throughput: undefined }, /io1 needs its IOPS/],
  [{ iops: 500 }, gp2, /"iops" 500 means nothing for volumes of type gp2.*io1/],
  [{ type: 'io2', throughput: 500 }, {}, /"throughput" 500 means nothing.*gp3/],
] as const)('volumes as %o are refused before anything is made', async ([wishes, original, message]) => {
  await expect(planVolume(wishes, original)).rejects.toMatchObject({
    name: 'InvalidInputError',
    message: expect.stringMatching(message),
  });
});

test('volumes that take long are looked at less and less often, and given up after a day', async () => {
  const { deployment, images, order } = await planVolume();
  images.volumeState = 'creating';
  const first = await order();
  const end = deployment.clock.now().getTime() + 24 * 60 * minute;
  let looks = 0;

  while (deployment.clock.now().getTime() <= end) {
    const { waitSeconds } = await order();
    looks += 1;
    deployment.clock.advance(waitSeconds * 1000);
  }

  expect(first.waitSeconds).toBe(15);
  expect(looks).toBeLessThan(500);
  await expect(order()).rejects.toMatchObject({
    name: 'VolumeFailedError',
    message: expect.stringContaining('is not made yet'),
  });
});

test('a volume that EC2 cannot make fails the restore with its snapshot, its key and the remedy', async () => {
  const { images, order } = await planVolume({}, {}, 'arn:aws:kms:us-east-1:1:key/k');
  images.volumeState = 'error';

  await expect(order()).rejects.toMatchObject({
    name: 'VolumeFailedError',
    message: expect.stringMatching(/vol-new-1 from snapshot snap-1.*error.*key\/k.*restoreTargets\.keys/),
  });
});

test('a volume that EC2 answered for and then removed is waited for some minutes, and has failed then', async () => {
  const { deployment, images, order } = await planVolume();
  images.volumeState = 'gone';

  expect(await order()).toMatchObject({ done: false });
  deployment.clock.advance(4 * minute);
  expect(await order()).toMatchObject({ done: false });
  deployment.clock.advance(minute);

  await expect(order()).rejects.toMatchObject({
    name: 'VolumeFailedError',
    message: expect.stringMatching(/vol-new-1.*gone again.*default EBS key in restoreTargets\.keys/),
  });
});

test('a volume that is gone when it is ordered again has failed', async () => {
  const { deployment, images, order } = await planVolume();
  vi.spyOn(deployment.work, 'put').mockRejectedValueOnce(new StoreUnavailableError('no answer; try again'));
  await expect(order()).rejects.toThrow('no answer');
  images.volumeState = 'gone';

  await expect(order()).rejects.toMatchObject({ name: 'VolumeFailedError' });
});

test('a new volume has as many tags of the original as EC2 takes, and the report names the others', async () => {
  const tags = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`own${n}`, 'x']));
  const { images, order, finish } = await planVolume({}, { tags });

  await order();

  expect(Object.keys(images.orders[0]?.tags ?? {})).toHaveLength(50);
  expect(images.orders[0]?.tags).toHaveProperty('holdfast:restore');
  expect(await finish()).toMatchObject({ state: 'completed', volumes: [{ tagsLeftOff: ['own49'] }] });
});

test.for([
  [
    'a bucket',
    { bucket: 'restores' },
    {},
    'NotSupportedError',
    /"instance": \{\}.*configuration is in s3:\/\/work\/restores\/.*machine.json/,
  ],
  ['a directory', { directory: 'laptop:/d' }, {}, 'NotSupportedError', /use the target {"volumes"/],
  ['the original', { original: true }, {}, 'NotSupportedError', /"availabilityZone": "us-east-1a"/],
  ['a zone elsewhere', { volumes: { availabilityZone: 'eu-west-1a' } }, {}, 'InvalidInputError', /us-east-1/],
  [
    'volumes of single files',
    { volumes: { availabilityZone: 'us-east-1a' } },
    { paths: ['a'] },
    'InvalidInputError',
    /"paths" takes files out of it/,
  ],
] as const)('an image is not restored into %s', async ([, target, more, name, message]) => {
  const deployment = makeDeployment();
  const { point, images } = await protectImage(deployment);
  const { planRestore } = makeRestoring(deployment, images);
  const request = { point: point.pointId, target, ...more };

  await expect(planRestore({ request, execution: EXECUTION }, PLENTY)).rejects.toMatchObject({
    name,
    message: expect.stringMatching(message),
  });
});

test('a point whose snapshots were deleted is refused before anything is made', async () => {
  const deployment = makeDeployment();
  const { point, images } = await protectImage(deployment);
  const gone = images.snapshots[0]!.snapshotId;
  await images.removeSnapshot(gone);
  const { planRestore } = makeRestoring(deployment, images);
  const request = { point: point.pointId, target: { volumes: { availabilityZone: 'us-east-1a' } } };

  await expect(planRestore({ request, execution: EXECUTION }, PLENTY)).rejects.toMatchObject({
    name: 'SnapshotMissingError',
    message: expect.stringContaining(gone),
  });
});
