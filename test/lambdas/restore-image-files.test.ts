import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeExtImage, makeScratch } from '@holdfast/disk/testing';
import type { ResourceArn } from '@holdfast/engine';
import {
  FaultPlan,
  ProcessKilledError,
  putImagePoint,
  putSnapshotPoint,
  withFaults,
  writeBlocks,
} from '@holdfast/engine/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type Deployment,
  makeDeployment,
  NO_TIME,
  PLENTY,
  readJson,
  untilDone,
} from './support/deployment.ts';
import { MemoryImages } from './support/memory-images.ts';
import { EXECUTION, endRestore, makeRestoring, restoreFiles } from './support/restoring.ts';

const target = { bucket: 'restores', prefix: 'back/' };
const arn = 'arn:aws:ec2:us-east-1:111122223333:instance/i-1' as ResourceArn;
const large = Buffer.alloc(4 * 2 ** 20 + 7, 'large ');

/** A program of every Unix. */
const makePipe = 'mkfifo';
const scratch = makeScratch();
afterAll(scratch.remove);
let disk: Buffer;

beforeAll(() => {
  const tree = path.join(scratch.path, 'tree');
  mkdirSync(path.join(tree, 'etc/d'), { recursive: true });
  writeFileSync(path.join(tree, 'etc/fstab'), 'LABEL=root / ext4 defaults\n');
  for (const name of ['a', 'd/b', 'd/c']) writeFileSync(path.join(tree, 'etc', name), name);
  symlinkSync('a', path.join(tree, 'etc/link'));
  execFileSync(makePipe, [path.join(tree, 'etc/pipe')]);
  writeFileSync(path.join(tree, 'large'), large);
  writeFileSync(path.join(tree, 'other'), 'not asked for');
  const image = path.join(scratch.path, 'image');
  const options = ['-L', 'root'];
  disk = readFileSync(makeExtImage(image, { size: '8M', tree, features: '^has_journal', options }));
});

let deployment: Deployment;
let point: string;

beforeEach(async () => {
  deployment = makeDeployment();
  const root = await putImagePoint(
    { ...deployment.services, lockMode: 'governance' },
    {
      arn,
      volumes: [{ volume: 'vol-1', content: disk, record: { device: '/dev/xvda' } }],
      machine: { ...new MemoryImages(deployment.clock).machine, rootDeviceName: '/dev/xvda' },
    },
  );
  point = root.point;
});

const paths = ['/etc', '/dev/xvda/large'];

test('files and directories of an image come into a bucket, by the paths that were asked for', async () => {
  const restoring = makeRestoring(deployment);

  const report = await restoreFiles(deployment, restoring, { point, target, paths });

  expect(report).toMatchObject({ state: 'completed-with-warnings', files: 8, written: 8, failed: 0 });
  expect(report.unkept).toEqual([{ fact: 'special-files', entries: 1, example: 'etc/pipe' }]);
  expect(restoring.target.entries.map(({ entry }) => Buffer.from(entry.path).toString())).toEqual([
    'dev/xvda/large',
    'etc/',
    'etc/a',
    'etc/d/',
    'etc/d/b',
    'etc/d/c',
    'etc/fstab',
    'etc/link',
  ]);
  expect(Buffer.compare(restoring.target.find('dev/xvda/large')!.content, large)).toBe(0);
});

test('files of a point whose blocks are in its snapshots alone are read there, and quoted so', async () => {
  const restoring = makeRestoring(deployment);
  const { blocks } = restoring;
  const volume = blocks.makeVolume(disk.length);
  writeBlocks(blocks, { volume, content: disk, blockBytes: 4096 });
  const record = { volume, snapshot: blocks.takeSnapshot(volume), device: '/dev/xvda' };
  const machine = { ...restoring.images.machine, rootDeviceName: '/dev/xvda' };
  const services = { ...deployment.services, lockMode: 'governance' } as const;
  const { point: inSnapshots } = await putSnapshotPoint(services, { arn, snapshots: [record], machine });
  const request = { point: inSnapshots, target, paths };

  const { quote } = await restoring.planRestore({ request, execution: `${EXECUTION}-2` }, PLENTY);
  const report = await restoreFiles(deployment, restoring, request);

  expect(report).toMatchObject({ files: 8, written: 8, failed: 0 });
  expect(Buffer.compare(restoring.target.find('dev/xvda/large')!.content, large)).toBe(0);
  expect(Buffer.from(restoring.target.find('etc/d/b')!.content).toString()).toBe('d/b');
  // A request for each of its nine blocks of EBS, one for a thousand files, and one to write each of the nine.
  expect(quote).toMatchObject({ requests: 9 + 1 + 9 });
});

test('a snapshot that is gone ends the plan, and nothing is written', async () => {
  const restoring = makeRestoring(deployment);
  const services = { ...deployment.services, lockMode: 'governance' } as const;
  const snapshots = [{ volume: 'vol-1', snapshot: 'snap-1', device: '/dev/xvda' }];
  const gone = await putSnapshotPoint(services, { arn, snapshots });
  const request = { point: gone.point, target, paths: ['/dev/xvda/large'] };

  const planned = restoring.planRestore({ request, execution: EXECUTION }, PLENTY);

  await expect(planned).rejects.toThrow(/snapshot snap-1 .*does not exist any more/);
  expect(restoring.target.entries).toEqual([]);
});

test('a plan without time goes on over several calls, and comes to the same shards', async () => {
  const request = { point, target, paths };
  const [{ planRestore }, other] = [makeRestoring(deployment), makeRestoring(deployment)];
  const once = await other.planRestore({ request, execution: `${EXECUTION}-2` }, PLENTY);
  const modes: string[] = [];

  let plan;
  do {
    plan = await planRestore({ request, execution: EXECUTION }, NO_TIME);
    modes.push(plan.mode);
  } while (plan.mode === 'unfinished');

  // Of nine entries, the pipe among them, one a call.
  expect(modes).toHaveLength(9);
  expect(plan).toMatchObject({ mode: 'files', quote: once.quote, shards: { count: 1 } });
  expect(await readJson(deployment.work, plan.shards.key)).toEqual(
    await readJson(deployment.work, once.shards.key),
  );
});

test('a call that dies after any of its writes is repeated, and nothing is lost or left half', async () => {
  const request = { point, target, paths: ['/etc/d/b', '/dev/xvda/large'] };
  for (let call = 1; ; call += 1) {
    const restoring = makeRestoring(deployment);
    const execution = `${EXECUTION}-${call}`;
    const { restoreId, shards } = await restoring.planRestore({ request, execution }, PLENTY);
    const [shard] = (await readJson(deployment.work, shards.key)) as unknown[];
    const plan = new FaultPlan([{ kind: 'kill-after', call }]);
    const dying = makeRestoring({ ...deployment, work: withFaults(deployment.work, plan) }, undefined, {
      target: restoring.target,
      uploads: restoring.uploads,
    });

    const died = await untilDone(async () => dying.restoreShard({ restoreId, shard }, NO_TIME)).catch(
      (error: unknown) => error,
    );
    await untilDone(async () => restoring.restoreShard({ restoreId, shard }, NO_TIME));

    const where = `kill-after at call ${call}`;
    const { written = 0, same = 0, files, failed } = await endRestore(restoring, { execution, restoreId });
    expect({ files, done: written + same, failed }, where).toEqual({ files: 2, done: 2, failed: 0 });
    expect(Buffer.compare(restoring.target.find('dev/xvda/large')!.content, large), where).toBe(0);
    for (const open of restoring.uploads.open) expect(await restoring.uploads.giveUp(open), where).toBe(0);
    if (!(died instanceof ProcessKilledError)) break;
  }
});

test('a restore by the caller, into a directory, is put on the audit log with paths, too', async () => {
  const { planRestore } = makeRestoring(deployment);
  const request = { point, target: { directory: 'host:/tmp/x' }, paths };

  expect(await planRestore({ request, execution: EXECUTION }, PLENTY)).toMatchObject({ mode: 'directory' });
});

test.each([
  [{ target, paths: ['/no'] }, 'there is nothing at "/no"'],
  [{ target, paths: ['/etc/../large'] }, 'has an empty part, "." or ".."'],
  [{ target }, 'name files in it with "paths" and a bucket'],
  [{ target: { original: true }, paths }, 'cannot be written to a bucket as a whole'],
  [{ target: { volumes: { availabilityZone: 'us-east-1a' } }, paths }, '"paths" takes files out of it'],
  [{ target: { bucket: 'vault' }, paths }, 'vault'],
])('%j is refused before anything is written', async (request, why) => {
  const restoring = makeRestoring(deployment);

  await expect(
    restoring.planRestore({ request: { point, ...request }, execution: EXECUTION }, PLENTY),
  ).rejects.toThrow(why);
  expect(restoring.target.entries).toEqual([]);
});
