import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  CreateSnapshotCommand,
  DeleteSnapshotCommand,
  DeleteTagsCommand,
  DescribeSnapshotsCommand,
  EC2Client,
  waitUntilSnapshotCompleted,
} from '@aws-sdk/client-ec2';
import { makeCatalogServices } from '@holdfast/aws';
import { makeScratch, writeMbr } from '@holdfast/disk/testing';
import {
  listVolumes,
  openVault,
  type PointRow,
  PointReader,
  readRoot,
  type ResourceArn,
  restoreVolume,
  type VolumeTarget,
} from '@holdfast/engine';
import { type BackupType, RestoreReport } from '@holdfast/engine/model';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeMachine, tagMachine, type SourceMachine } from '../../localstack/demo/source-machine.ts';
import { withoutZerosAtEnd } from '../../localstack/gateway/ec2/block-files.ts';
import { VolumeBytes } from '../../localstack/volume-bytes.ts';
import { describeUnless, findGap } from '../support/gaps.ts';
import { patienceMs } from '../support/patience.ts';
import { listPoints, newestPoint, runCycle } from './support/cycles.ts';
import { openApp } from './support/deployed.ts';
import type { Ended } from './support/executions.ts';
import { holdfast } from './support/command-line.ts';
import {
  changeFileSystem,
  commentIsOn,
  compareTrees,
  compareWithObjects,
  makeFileSystem,
} from './support/file-tree.ts';
import { testBuckets, testPlans } from './support/names.ts';
import { makeTargets, restore } from './support/restores.ts';

const app = openApp();
const ec2 = new EC2Client({});
const noGateway = await findGap('gateway');
const bytes = new VolumeBytes(app.environment['AWS_ENDPOINT_URL'] ?? '');
const blockBytes = 2 ** 19;
const volumeBytes = 2 ** 30;
const stretchBytes = 2 ** 26;
/** The place of the file system in the data volume, between all else that is written there. */
const partitionBlock = 200;
const scratch = makeScratch();
afterAll(scratch.remove);

/** Blocks of a volume that are not zeros, by index. */
type Blocks = ReadonlyMap<number, Buffer<ArrayBuffer>>;

let machine: SourceMachine;
const now = new Map<string, Map<number, Buffer<ArrayBuffer>>>();
/** Volumes as they were when each cycle ran. */
const states: ReadonlyMap<string, Blocks>[] = [];
const cycles: Ended[] = [];

async function write(volumeId: string, round: string, ...indexes: readonly number[]): Promise<void> {
  for (const index of indexes)
    await put(volumeId, index, Buffer.alloc(blockBytes, `${volumeId} ${index} ${round}\n`));
}

async function put(volumeId: string, index: number, block: Buffer<ArrayBuffer>): Promise<void> {
  await bytes.write(volumeId, index * blockBytes, block);
  now.get(volumeId)?.set(index, block);
}

/** Gives a volume a partition with a file system. @returns the tree that is in it. */
async function addFileSystem(volumeId: string): Promise<string> {
  const { tree, image } = makeFileSystem(scratch.path);
  const table = Buffer.alloc(blockBytes);
  const start = (partitionBlock * blockBytes) / 512;
  writeMbr(table, [{ type: 0x83, start, sectors: image.length / 512 }]);
  await put(volumeId, 0, table);
  await putImage(volumeId, image);
  return tree;
}

/** Writes those blocks of a file system that are not there as they are. @returns the number of them. */
async function putImage(volumeId: string, image: Buffer): Promise<number> {
  let written = 0;
  for (let at = 0; at < image.length; at += blockBytes) {
    const [index, block] = [
      partitionBlock + at / blockBytes,
      Buffer.from(image.subarray(at, at + blockBytes)),
    ];
    const before = now.get(volumeId)?.get(index) ?? Buffer.alloc(blockBytes);
    if (before.equals(block)) continue;
    await put(volumeId, index, block);
    written += 1;
  }
  return written;
}

async function trim(volumeId: string, index: number): Promise<void> {
  await bytes.trim(volumeId, index * blockBytes, blockBytes);
  now.get(volumeId)?.delete(index);
}

async function cycle(type: BackupType): Promise<void> {
  states.push(new Map([...now].map(([volume, blocks]) => [volume, new Map(blocks)])));
  cycles.push(await runCycle(app, testPlans.blocks, type));
}

/** A volume of which only what is written is kept. */
class SparseVolume implements VolumeTarget {
  readonly blocks = new Map<number, Buffer>();

  async has(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async write(offset: number, content: Uint8Array): Promise<void> {
    await Promise.resolve();
    this.blocks.set(offset / blockBytes, Buffer.from(content));
  }
}

/** Reads all volumes of a point out of the vault. */
async function readPoint({
  resourceArn,
  pointId,
  rootVersionId,
}: PointRow): Promise<ReadonlyMap<string, ReadonlyMap<number, Buffer>>> {
  const names = {
    vaultBucket: app.vaultBucket,
    catalogTable: app.outputs['CatalogTableName'] ?? '',
    kmsKeyArn: app.outputs['KeyArn'] ?? '',
  };
  const services = makeCatalogServices(app.clients, names);
  const keys = await openVault(services);
  const { root } = await readRoot(services.store, keys, resourceArn, pointId, rootVersionId);
  const reader = new PointReader(services.store, keys, root);
  const volumes = new Map<string, ReadonlyMap<number, Buffer>>();
  for await (const volume of listVolumes(reader)) {
    const target = new SparseVolume();
    await restoreVolume(reader, volume, { target });
    volumes.set(volume.volume, target.blocks);
  }
  return volumes;
}

/** Offsets of the stretches in which a volume is not what its blocks say, zeros included. */
async function stretchesThatDiffer(volumeId: string, wanted: Blocks): Promise<number[]> {
  const differing: number[] = [];
  const stretch = Buffer.alloc(stretchBytes);
  for (let offset = 0; offset < volumeBytes; offset += stretchBytes) {
    stretch.fill(0);
    for (const [index, block] of wanted) {
      const at = index * blockBytes - offset;
      if (at >= 0 && at < stretchBytes) block.copy(stretch, at);
    }
    const sha256 = createHash('sha256').update(withoutZerosAtEnd(stretch)).digest('hex');
    const found = await bytes.digest(volumeId, offset, stretchBytes);
    if (found.sha256 !== sha256 || found.length !== stretchBytes) differing.push(offset);
  }
  return differing;
}

/** Restores volumes of a point. @returns for each volume of the machine the new one, and what it was made of. */
async function restoreVolumes(point: PointRow, wishes: object = {}) {
  const request = {
    point: point.pointId,
    target: { volumes: { availabilityZone: `${app.region}a`, ...wishes } },
  };
  const { status, reason, output } = await restore(app, request);
  if (status !== 'SUCCEEDED') throw new Error(`the restore ${status}: ${reason}`);
  return RestoreReport.parse((output as { report: unknown }).report).volumes ?? [];
}

async function snapshotsWith(name: string, value: string): Promise<string[]> {
  const command = new DescribeSnapshotsCommand({
    OwnerIds: ['self'],
    Filters: [{ Name: name, Values: [value] }],
  });
  return ((await ec2.send(command)).Snapshots ?? []).map(({ SnapshotId = '' }) => SnapshotId);
}

/** Names every block in which two states differ. */
function differences(
  found: ReadonlyMap<string, ReadonlyMap<number, Buffer>>,
  wanted: ReadonlyMap<string, Blocks>,
): string[] {
  const places = new Set(
    [found, wanted].flatMap((state) =>
      [...state].flatMap(([volume, blocks]) => [...blocks.keys()].map((index) => `${volume} ${index}`)),
    ),
  );
  return [...places].filter((place) => {
    const [volume = '', index] = place.split(' ');
    const [one, other] = [found.get(volume)?.get(Number(index)), wanted.get(volume)?.get(Number(index))];
    return one === undefined || other === undefined || !one.equals(other);
  });
}

/** Holds for the same texts in any order. */
function isSameSet(wanted: readonly string[]): (found: unknown) => boolean {
  return (found) => isDeepStrictEqual((found as readonly string[]).toSorted(), wanted.toSorted());
}

/** The lines of JSON that the program printed. */
function recordsOf({ out }: { readonly out: string }): unknown[] {
  return out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as unknown]));
}

describeUnless(noGateway)('an instance whose plan has its blocks in the vault', () => {
  let points: PointRow[];
  let tree: string;
  /** Blocks of the file system that are not as they were in the full. */
  let changedBlocks: number;

  beforeAll(async () => {
    machine = await makeMachine(ec2, bytes);
    for (const volumeId of machine.volumeIds) {
      await trim(volumeId, 0);
      now.set(volumeId, new Map());
    }
    const [root = '', data = ''] = machine.volumeIds;
    const everywhere = Array.from({ length: 16 }, (_, at) => (at * 2 ** 26) / blockBytes);
    for (const volumeId of machine.volumeIds) await write(volumeId, 'first', ...everywhere);
    await write(root, 'first', 1, 2, 3, 64, 65, 2_047);
    tree = await addFileSystem(data);
    await tagMachine(ec2, machine, 'holdfast:plan', testPlans.blocks);
    await cycle('full');
    await write(root, 'second', 2, 70);
    await write(data, 'second', 5);
    changedBlocks = await putImage(data, changeFileSystem(scratch.path));
    await trim(root, 65);
    await cycle('incremental');
    await write(data, 'third', 5, 6);
    await cycle('differential');
    await cycle('synthetic-full');
    const arn = `arn:aws:ec2:${app.region}:${app.accountId}:instance/${machine.instanceId}` as ResourceArn;
    points = await listPoints(app, arn);
  });

  afterAll(async () => {
    const Resources = [machine.instanceId, ...machine.volumeIds];
    await ec2.send(new DeleteTagsCommand({ Resources, Tags: [{ Key: 'holdfast:plan' }] }));
  });

  test('has a point of each type, whose cycles report what they read', () => {
    expect(points.map(({ type }) => type)).toEqual(['full', 'incremental', 'differential', 'synthetic-full']);
    expect(new Set(cycles.map(({ status }) => status))).toEqual(new Set(['SUCCEEDED']));
    const blocksAtFull = [...(states[0] ?? [])].reduce((sum, [, { size }]) => sum + size, 0);
    for (const [index, blocks] of [blocksAtFull, 3 + changedBlocks, 4 + changedBlocks].entries())
      expect(cycles[index]?.output).toMatchObject({
        report: { completed: 1, failed: 0, readBytes: blocks * blockBytes },
      });
  });

  test.for([0, 1, 2, 3])('has in point %i every block as it was then, and no other', async (index) => {
    const found = await readPoint(points[index] as PointRow);

    expect(differences(found, states[index] as ReadonlyMap<string, Blocks>)).toEqual([]);
  });

  test('tells which points have which version of a file in it, and what changed between two', async () => {
    const [full, ...later] = points.map(({ pointId }) => pointId);

    const found = await holdfast('find', machine.instanceId, '/dev/sdf1/log', '--versions', '--json');
    const differing = await holdfast('diff', full ?? '', later[0] ?? '', '--json');

    // Points may have the same second.
    expect(recordsOf(found)).toMatchObject([
      { path: '/dev/sdf1/log', bytes: 21, pointIds: expect.toSatisfy(isSameSet(later)) },
      { path: '/dev/sdf1/log', bytes: 9, pointIds: [full] },
    ]);
    const changes = recordsOf(differing);
    const [root, data] = machine.volumeIds;
    // Volumes are told in the order of their ids.
    expect(changes).toHaveLength(4);
    expect(changes.slice(0, 2)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ volume: root, change: 'changed' }),
        expect.objectContaining({ volume: data, change: 'changed', blocks: 1 + changedBlocks }),
      ]),
    );
    expect(changes.slice(2)).toMatchObject([
      { path: '/dev/sdf1/log', change: 'changed', before: { bytes: 9 }, after: { bytes: 21 } },
      { path: '/dev/sdf1/new', change: 'added' },
    ]);
  });

  test('has the snapshots that the next incremental and differential compare with, and no others', async () => {
    const Filters = [{ Name: 'volume-id', Values: [...machine.volumeIds] }];
    const { Snapshots = [] } = await ec2.send(new DescribeSnapshotsCommand({ Filters }));
    const runs = Snapshots.flatMap(({ Tags = [] }) => Tags.filter(({ Key }) => Key === 'holdfast:run'));

    const [full, , differential] = points;
    expect(new Set(runs.map(({ Value }) => Value))).toEqual(new Set([full?.runId, differential?.runId]));
    expect(runs).toHaveLength(4);
  });

  test('comes out of the vault when all its snapshots are gone, and as the difference to a snapshot of now', async () => {
    const [full] = points as [PointRow];
    const [root = ''] = machine.volumeIds;
    const taken = await Promise.all(machine.volumeIds.map(async (id) => snapshotsWith('volume-id', id)));
    for (const SnapshotId of taken.flat()) await ec2.send(new DeleteSnapshotCommand({ SnapshotId }));

    const whole = await restoreVolumes(full);
    const { SnapshotId: deltaFrom = '' } = await ec2.send(new CreateSnapshotCommand({ VolumeId: root }));
    await waitUntilSnapshotCompleted(
      { client: ec2, maxWaitTime: patienceMs / 1000, minDelay: 1, maxDelay: 1 },
      { SnapshotIds: [deltaFrom] },
    );
    const delta = await restoreVolumes(full, { deltaFrom: [deltaFrom] });

    expect(taken.flat().length).toBeGreaterThan(0);
    expect(whole.map(({ from }) => from)).toEqual(machine.volumeIds.map(() => 'vault'));
    expect(delta.map(({ sourceVolumeId, from }) => [sourceVolumeId, from])).toEqual(
      expect.arrayContaining([[root, 'delta']]),
    );
    for (const { volumeId, sourceVolumeId } of [...whole, ...delta]) {
      const wanted = states[0]?.get(sourceVolumeId) ?? new Map<number, Buffer<ArrayBuffer>>();
      expect(await stretchesThatDiffer(volumeId, wanted), sourceVolumeId).toEqual([]);
    }
    // What was written for them is removed; what somebody else took is not.
    expect(await snapshotsWith('tag-key', 'holdfast:restore')).toEqual([]);
    expect(await snapshotsWith('snapshot-id', deltaFrom)).toEqual([deltaFrom]);
  });

  test('gives a directory of a file system in it, out of the vault alone, to a bucket and to a directory', async () => {
    const [full] = points as [PointRow];
    const taken = await Promise.all(machine.volumeIds.map(async (id) => snapshotsWith('volume-id', id)));
    for (const SnapshotId of taken.flat()) await ec2.send(new DeleteSnapshotCommand({ SnapshotId }));
    await makeTargets(app);
    const target = { bucket: testBuckets.restored, prefix: 'image-files/' };
    const restored = join(scratch.path, 'restored');

    const { status, output } = await restore(app, { point: full.pointId, paths: ['/dev/sdf1/etc'], target });
    const here = await holdfast('restore', `${full.pointId}:/dev/sdf1/etc`, '--to-directory', restored);

    const { report } = output as { report: unknown };
    expect([status, RestoreReport.parse(report)]).toMatchObject([
      'SUCCEEDED',
      { state: 'completed', files: 6, written: 6, failed: 0, unkept: [] },
    ]);
    const objects = { Bucket: target.bucket, prefix: `${target.prefix}dev/sdf1/etc/` };
    expect(await compareWithObjects(app.s3, join(tree, 'etc'), objects)).toEqual([]);
    expect(here).toMatchObject({ code: 0 });
    const found = join(restored, 'dev/sdf1/etc');
    expect(compareTrees(join(tree, 'etc'), found)).toEqual([]);
    expect(lstatSync(join(found, 'sparse')).blocks).toBeLessThan(2 ** 20 / 512);
    if (!here.out.includes('extended attributes')) expect(commentIsOn(join(found, 'passwd'))).toBe(true);
  });

  test('gives the same out of snapshots alone, whose file systems are checked', async () => {
    await tagMachine(ec2, machine, 'holdfast:plan', testPlans.snapshots);
    const cycled = await runCycle(app, testPlans.snapshots, 'full');
    const { pointId } = await newestPoint(app, points[0]?.resourceArn as ResourceArn);
    const target = { bucket: testBuckets.restored, prefix: 'snapshot-files/' };

    const { status, output } = await restore(app, { point: pointId, paths: ['/dev/sdf1/etc'], target });
    const checked = await holdfast('verify', '--filesystem', pointId);

    expect([cycled.status, status]).toEqual(['SUCCEEDED', 'SUCCEEDED']);
    const { report } = output as { report: unknown };
    expect(RestoreReport.parse(report)).toMatchObject({
      state: 'completed',
      files: 6,
      written: 6,
      failed: 0,
    });
    const objects = { Bucket: target.bucket, prefix: `${target.prefix}dev/sdf1/etc/` };
    expect(await compareWithObjects(app.s3, join(tree, 'etc'), objects)).toEqual([]);
    expect(checked).toMatchObject({
      code: 0,
      out: expect.stringMatching(/\/dev\/sdf1 \(ext4\): .*: no damage/),
    });
  });
});
