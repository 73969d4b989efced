import { beforeEach, describe, expect, test } from 'vitest';
import type { PlanRestoreOutput } from '../../lambdas/restore/plan-restore.ts';
import { PLENTY } from './support/deployment.ts';
import {
  EXECUTION,
  first,
  type ImageScene,
  KEY,
  machine,
  makeImageScene,
  second,
  seedsOf,
} from './support/image-scene.ts';
import { endRestore } from './support/restoring.ts';

let images: ImageScene['images'];
let restoring: ImageScene['restoring'];
let pointOf: ImageScene['pointOf'];
let plan: ImageScene['plan'];
let write: ImageScene['write'];

beforeEach(async () => {
  ({ images, restoring, pointOf, plan, write } = await makeImageScene());
});

const launch = async ({ restoreId }: PlanRestoreOutput) =>
  restoring.launchInstance({ restoreId, pollSeconds: 15 }, PLENTY);

describe('a machine whose snapshots are gone', () => {
  const instance = { target: { instance: {} } };
  const ami = { target: { ami: { name: 'web of March' } } };

  test('is launched from what is written out of the vault, which goes when it runs', async () => {
    const planned = await plan(instance);
    await launch(planned);
    const written = await write(planned);
    const { done } = await launch(planned);
    const report = await endRestore(restoring, { execution: EXECUTION, restoreId: planned.restoreId });

    expect(planned).toMatchObject({
      mode: 'blocks',
      next: 'instance',
      quote: { volumes: 2, written: 2, blocks: 5 },
    });
    expect([...written.values()].map(({ blocks }) => seedsOf(blocks))).toEqual([first, second]);
    expect(done).toBe(true);
    expect(restoring.launches.registered[0]?.BlockDeviceMappings?.map(({ Ebs }) => Ebs?.SnapshotId)).toEqual([
      ...written.keys(),
    ]);
    expect(report).toMatchObject({
      state: 'completed',
      volumes: [
        { sourceVolumeId: 'vol-1', from: 'vault', keyId: KEY },
        { sourceVolumeId: 'vol-2', from: 'vault' },
      ],
      ami: { isKept: false },
    });
    expect(report.ami?.snapshots).toBeUndefined();
    expect([images.written.snapshots.size, restoring.launches.images.size]).toEqual([0, 0]);
  });

  test('is launched from a snapshot that is left, which stays, and one that is written', async () => {
    images.plant({ snapshotId: 'snap-1', volumeId: 'vol-1' });
    const planned = await plan(instance);
    const [written] = (await write(planned)).keys();

    await launch(planned);
    const report = await endRestore(restoring, { execution: EXECUTION, restoreId: planned.restoreId });

    expect(report.volumes).toMatchObject([
      { snapshotId: 'snap-1', from: 'snapshot' },
      { snapshotId: written, from: 'vault' },
    ]);
    expect(images.snapshots.map(({ snapshotId }) => snapshotId)).toEqual(['snap-1']);
  });

  test('is refused before anything is written when something stands in the way', async () => {
    restoring.launches.facts = { ...restoring.launches.facts, groups: new Map() };
    const planned = await plan(instance);

    await expect(launch(planned)).rejects.toMatchObject({ name: 'LaunchRefusedError' });
    expect(images.written.snapshots.size).toBe(0);
  });

  test.for([['instance', instance] as const, ['AMI', ami] as const])(
    'with a license is refused as an %s before anything is written, as what is written has none',
    async ([, request]) => {
      const licensed = await pointOf({ ...machine, platform: 'Windows' });
      const planned = await plan({ ...request, point: licensed });

      await expect(launch(planned)).rejects.toMatchObject({
        name: 'LaunchRefusedError',
        message: expect.stringContaining('is not billed as Windows'),
      });
    },
  );

  test('is asked for by a dry run without a snapshot', async () => {
    const planned = await plan({ ...instance, dryRun: true });

    const { check } = await launch(planned);

    expect(planned).toMatchObject({ mode: 'check-instance', quote: { written: 2, blocks: 5 } });
    expect(check).toMatchObject({
      problems: [],
      unknown: [
        'whether an AMI can be registered: snapshots are written out of the vault first',
        expect.stringContaining('capacity'),
      ],
    });
    expect(images.written.snapshots.size).toBe(0);
  });

  test('leaves the snapshots of an AMI that is kept, and the report names them', async () => {
    const planned = await plan(ami);
    const written = await write(planned);
    await launch(planned);
    const report = await endRestore(restoring, { execution: EXECUTION, restoreId: planned.restoreId });

    expect(report.ami).toMatchObject({ name: 'web of March', isKept: true, snapshots: [...written.keys()] });
    expect([...images.written.snapshots.keys()]).toEqual([...written.keys()]);
  });

  test.for([['instance', instance] as const, ['AMI', ami] as const])(
    'leaves no snapshot when its restore as an %s fails',
    async ([, request]) => {
      const planned = await plan(request);
      await write(planned);
      const error = { Error: 'InstanceFailedError', Cause: 'no capacity' };

      await endRestore(restoring, { execution: EXECUTION, restoreId: planned.restoreId, error });

      expect(images.written.snapshots.size).toBe(0);
    },
  );
});
