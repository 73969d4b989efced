import { chmodSync, chownSync, lutimesSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { backUpFiles, newId, openVault, PointReader, restoreRange } from '@holdfast/engine';
import type { CommittedPoint, ResourceArn, RunId, WriteServices } from '@holdfast/engine';
import type { BackupType } from '@holdfast/engine/model';
import { makeMemoryServices, MemoryTarget } from '@holdfast/engine/testing';
import { expect, test } from 'vitest';

import { systemClock, systemRandom } from '../src/index.ts';
import { makeSource, paths, bytes } from './source-under-test.ts';

const isRoot = process.geteuid?.() === 0;
const nobody = 65_534;

/** Does something as a user who may read little; only root can. */
async function asNobody<Result>(work: () => Promise<Result>): Promise<Result> {
  process.seteuid?.(nobody);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

/** Lets everybody read a tree, or a directory of it only its owner, root. */
function open(root: string): void {
  execFileSync('chmod', ['-R', 'a+rX', root]);
}
function close(directory: string): void {
  chownSync(directory, 0, 0);
  chmodSync(directory, 0o700);
}

test.runIf(isRoot)('remembers what a directory that may not be read hides, and nothing else', async () => {
  const { root, source, warnings } = makeSource({ 'closed/a/x': '1', 'closed/y': '2', open: '3' });
  open(root);
  close(path.join(root, 'closed'));

  await asNobody(async () => paths(source, 'closed/a/'));

  const hidden = (name: string): boolean => source.findObstacle(bytes(name)) !== undefined;
  expect(['closed/a/x', 'closed/y', 'closed/'].map(hidden)).toEqual([true, true, true]);
  expect(['closed', 'open', 'a', 'closed-too/x'].map(hidden)).toEqual([false, false, false, false]);
  expect(warnings.map(({ message }) => message)).toEqual([
    '"closed/" may not be read by this user; grant it read access; of what is there this point has only what its base had',
  ]);
});

test.runIf(isRoot)('remembers entries of a directory that shows names alone', async () => {
  const { root, source } = makeSource({ 'names/x': '1', 'names/sub/y': '2' });
  open(root);
  chownSync(path.join(root, 'names'), 0, 0);
  chmodSync(path.join(root, 'names'), 0o744);

  expect(await asNobody(async () => paths(source))).toEqual(['names/']);

  const hidden = (name: string): boolean => source.findObstacle(bytes(name)) !== undefined;
  expect(['names/x', 'names/sub/', 'names/sub/y'].map(hidden)).toEqual([true, true, true]);
  expect(hidden('names/gone')).toBe(false);
});

test('what is no file any more, or has vanished, hides nothing', async () => {
  const { root, source, warnings } = makeSource({ a: '1', 'b/x': '2' });
  execFileSync('sh', ['-c', 'mkfifo "$0"', path.join(root, 'pipe')]);
  for await (const entry of source.list({}))
    if (Buffer.from(entry.path).toString() === 'a') rmSync(path.join(root, 'b'), { recursive: true });

  expect(warnings.map(({ reason }) => reason)).toContain('left-out');
  expect(['pipe', 'b/x'].map((name) => source.findObstacle(bytes(name)))).toEqual([undefined, undefined]);
});

test.runIf(isRoot)(
  'a directory that becomes unreadable is carried from the base, and read when it is again',
  async () => {
    const { root, source } = makeSource({ 'd/1': 'one', 'd/deep/2': 'two', gone: 'x', z: 'last' });
    open(root);
    makeOld(root);
    const services = makeMemoryServices(systemClock, systemRandom);
    const backUp = async (type: BackupType): Promise<CommittedPoint['root']> => {
      const request = {
        runId: newId<RunId>(systemRandom),
        resourceArn: arn,
        resourceKind: 'directory',
        plan: 'local',
        type,
        keepDays: 7,
        readTags: false,
      } as const;
      return (await asNobody(async () => backUpFiles(services, request, { source }))).root;
    };
    const full = await backUp('full');
    rmSync(path.join(root, 'gone'));
    close(path.join(root, 'd'));

    const carried = await backUp('incremental');
    open(root);
    writeFileSync(path.join(root, 'd', '1'), 'another one');
    rmSync(path.join(root, 'd', 'deep'), { recursive: true });
    mkdirSync(path.join(root, 'd', 'new'));
    const read = await backUp('incremental');

    const before = await contentOf(services, full);
    const { gone: _gone, ...rest } = before;
    expect(Object.keys(before)).toEqual(['d/', 'd/1', 'd/deep/', 'd/deep/2', 'gone', 'z']);
    expect(await contentOf(services, carried)).toEqual(rest);
    expect(carried.counts).toMatchObject({ files: 5, filesRemoved: 1 });
    expect(await contentOf(services, read)).toEqual({
      'd/': '',
      'd/1': 'another one',
      'd/new/': '',
      z: 'last',
    });
  },
);

const arn = 'holdfast:directory:here:/d' as ResourceArn;

/** What has just changed is read again by the next run, whatever it looks like. */
function makeOld(root: string): void {
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' }))
    lutimesSync(path.join(root, name), 1_600_000_000, 1_600_000_000);
}

/** All paths of a point, with what a restore writes there. */
async function contentOf(
  services: WriteServices,
  root: CommittedPoint['root'],
): Promise<Record<string, string>> {
  const reader = new PointReader(services.store, await openVault(services), root);
  const target = new MemoryTarget();
  await restoreRange(reader, { range: {}, target, overwrite: 'never' });
  return Object.fromEntries(
    target.entries.map(({ entry, content }) => [
      Buffer.from(entry.path).toString(),
      Buffer.from(content).toString(),
    ]),
  );
}
