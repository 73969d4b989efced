import type { ResourceArn } from '@holdfast/engine';
import type { RestoreReport } from '@holdfast/engine/model';
import { FakeClock, putImagePoint, SeededRandom } from '@holdfast/engine/testing';
import type { PlanRestoreOutput } from '../../../lambdas/restore/plan-restore.ts';
import { makeDeployment, PLENTY, readJson, untilDone } from './deployment.ts';
import { makeVolume, MemoryImages } from './memory-images.ts';
import { endRestore, makeRestoring } from './restoring.ts';

export const EXECUTION = 'arn:aws:states:us-east-1:111122223333:execution:restore:one';
export const INSTANCE = 'arn:aws:ec2:us-east-1:111122223333:instance/i-1' as ResourceArn;
export const KEY = 'arn:aws:kms:us-east-1:111122223333:key/k1';
export const blockBytes = 4096;
export const volumeBlocks = 60;
export const target = { volumes: { availabilityZone: 'us-east-1a' } };

export const machine = {
  ...new MemoryImages(new FakeClock()).machine,
  subnetId: 'subnet-1',
  rootDeviceName: '/dev/xvda',
  volumes: [
    makeVolume('vol-1', { device: '/dev/xvda', sizeGiB: 1, encrypted: true, kmsKeyId: KEY }),
    makeVolume('vol-2', { device: '/dev/xvdb', sizeGiB: 1 }),
  ],
};

/** Content by block; the same number is the same content. */
export type Blocks = Readonly<Record<number, number>>;
export const first: Blocks = { 0: 1, 7: 2, 8: 3, 59: 4 };
export const second: Blocks = { 3: 5 };

export function blockOf(seed: number): Uint8Array {
  return new SeededRandom(`block ${seed}`).bytes(blockBytes);
}

function contentOf(blocks: Blocks): Uint8Array {
  const content = new Uint8Array(volumeBlocks * blockBytes);
  for (const [index, seed] of Object.entries(blocks)) content.set(blockOf(seed), Number(index) * blockBytes);
  return content;
}

type Written = MemoryImages['written']['snapshots'];

interface Restored {
  readonly planned: PlanRestoreOutput;
  readonly report: RestoreReport;
  /** Snapshots, as they were when all blocks had been written. */
  readonly written: Written;
}

/** A vault with an image of two volumes, of which no snapshot is left, and a machine that restores it. */
export async function makeImageScene() {
  const deployment = makeDeployment();
  const images = new MemoryImages(deployment.clock);
  const restoring = makeRestoring(deployment, images);
  const services = { ...deployment.services, lockMode: 'governance' as const };
  const pointOf = async (recorded: Readonly<Record<string, unknown>>): Promise<string> => {
    const root = await putImagePoint(services, {
      arn: INSTANCE,
      volumes: [
        {
          volume: 'vol-1',
          content: contentOf(first),
          blockBytes,
          record: { encrypted: true, device: '/dev/xvda' },
        },
        { volume: 'vol-2', content: contentOf(second), blockBytes },
      ],
      machine: recorded,
    });
    return root.point;
  };
  const point = await pointOf(machine);

  const plan = async (request: object = {}) =>
    restoring.planRestore({ request: { point, target, ...request }, execution: EXECUTION }, PLENTY);

  /** Writes the snapshots of a plan as the restore machine does. */
  const write = async (planned: PlanRestoreOutput, context = PLENTY): Promise<Written> => {
    const { restoreId } = planned;
    await restoring.startSnapshots({ restoreId }, PLENTY);
    const shards = (await readJson(deployment.work, planned.shards.key)) as unknown[];
    for (const shard of shards)
      await untilDone(async () => restoring.writeBlocks({ restoreId, shard }, context));
    let state: unknown;
    for (let done = false; !done;)
      ({ done, state } = await restoring.completeSnapshots({ restoreId, pollSeconds: 5, state }, PLENTY));
    return new Map(images.written.snapshots);
  };

  /** Does for volumes what the restore machine does. */
  const restore = async (request: object = {}, context = PLENTY): Promise<Restored> => {
    const planned = await plan(request);
    const { restoreId } = planned;
    const written = await write(planned, context);
    while (!(await restoring.restoreVolumes({ restoreId, pollSeconds: 5 }, PLENTY)).done);
    const report = await endRestore(restoring, { execution: EXECUTION, restoreId });
    return { planned, report, written };
  };

  return { deployment, images, restoring, point, pointOf, plan, write, restore };
}

export type ImageScene = Awaited<ReturnType<typeof makeImageScene>>;

export function seedsOf(blocks: ReadonlyMap<number, Uint8Array>, zeros = 0): Blocks {
  const seeds = [1, 2, 3, 4, 5, 6, 7];
  return Object.fromEntries(
    [...blocks].map(([index, bytes]) => [
      index,
      seeds.find((seed) => Buffer.compare(blockOf(seed), bytes) === 0) ?? zeros,
    ]),
  );
}
