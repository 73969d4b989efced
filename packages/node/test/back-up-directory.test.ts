import { execFileSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  lutimesSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import {
  newId,
  type CommittedPoint,
  type ProgressEvent,
  type RestoreOutcome,
  type RunId,
} from '@holdfast/engine';
import type { BackupType } from '@holdfast/engine/model';
import { allOf } from '@holdfast/engine/testing';
import { expect, onTestFinished, test, vi } from 'vitest';

import {
  backUpDirectory,
  type BackUpDirectoryOptions,
  createKeyFile,
  directoryArn,
  DirectorySource,
  openLocalVault,
  restoreDirectory,
  type RestoreDirectoryOptions,
  systemClock,
  systemRandom,
} from '../src/index.ts';
import { makeProcessMark } from '../src/store/process-mark.ts';
import { plantTree } from './plant-tree.ts';
import { makeTempDir } from './temp-dir.ts';

const few = { files: 16, bytes: 100_000 };

class Machine {
  readonly source = makeTempDir();
  readonly #place = makeTempDir();
  readonly vault = { root: path.join(this.#place, 'vault'), keyFile: path.join(this.#place, 'key') };

  /** @param lines - of its largest file, each of 28 bytes. */
  static async make(lines = 1_000): Promise<Machine> {
    const machine = new Machine();
    await createKeyFile(machine.vault.keyFile, systemRandom);
    const tree: Record<string, string | { link: string }> = { 'z-link': { link: 'd1/f1' }, 'u/v/w': 'x' };
    for (let at = 0; at < 90; at += 1) tree[`d${at % 7}/e${at % 3}/f${at}`] = `content ${at}`.repeat(at);
    tree['large'] = 'a line of text, and another\n'.repeat(lines);
    plantTree(machine.source, tree);
    for (const [at, name] of listNames(machine.source).reverse().entries()) {
      // Long ago: what has just changed is read again by the next run.
      lutimesSync(path.join(machine.source, name), 1_600_000_000 + at, 1_600_000_000 + at);
    }
    return machine;
  }

  async backUp(
    type: BackupType,
    more: Partial<BackUpDirectoryOptions> = { limits: few },
  ): Promise<CommittedPoint['root']> {
    const { vault, source: directory } = this;
    const { root } = await backUpDirectory({
      vault,
      directory,
      type,
      keepDays: 7,
      workers: 1,
      ...more,
    });
    return root;
  }

  async restore(
    { resource, point }: CommittedPoint['root'],
    directory: string,
    more: Partial<Pick<RestoreDirectoryOptions, 'paths' | 'workers' | 'limits'>> = {},
  ): Promise<RestoreOutcome> {
    return restoreDirectory({
      vault: this.vault,
      resourceArn: resource,
      pointId: point,
      directory,
      overwrite: 'never',
      workers: 1,
      ...more,
    });
  }
}

function listNames(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
}

/** Every name with its facts and content. */
function pictureOf(root: string): unknown[] {
  return listNames(root).map((name) => {
    const full = path.join(root, name);
    const stats = lstatSync(full);
    if (stats.isSymbolicLink()) return [name, readlinkSync(full)];
    const content = stats.isFile() ? readFileSync(full, 'latin1') : undefined;
    return [name, stats.mode, Math.round(stats.mtimeMs), content];
  });
}

test('tells how much there is to do by what the point before had, until there is more', async () => {
  const machine = new Machine();
  await createKeyFile(machine.vault.keyFile, systemRandom);
  plantTree(machine.source, { a: 'one', b: 'two', c: 'three' });
  const totals = async (type: BackupType) => {
    const told: (readonly [files: number, ofFiles?: number, ofBytes?: number])[] = [];
    const onProgress = ({ files, filesTotal, bytesTotal }: ProgressEvent): void =>
      void told.push([files, filesTotal, bytesTotal]);
    await machine.backUp(type, { limits: { files: 1, bytes: 1_000 }, onProgress });
    return told;
  };

  const [first, second] = [await totals('full'), await totals('full')];
  plantTree(machine.source, { d: 'four' });
  const third = await totals('incremental');

  expect(first).toContainEqual([3, undefined, undefined]);
  expect(second).toContainEqual([3, 3, 11]);
  expect(third).toContainEqual([1, 3, undefined]);
  expect(third).toContainEqual([4, undefined, undefined]);
});

test('begins without threads with a directory that had few files, and with all of them with one that is new', async () => {
  const machine = await Machine.make();
  const threads = vi.fn();
  process.on('worker', threads);
  onTestFinished(() => void process.off('worker', threads));
  const startedBy = async (type: BackupType, workers = 2): Promise<number> => {
    threads.mockClear();
    await machine.backUp(type, { workers });
    return threads.mock.calls.length;
  };

  expect(await startedBy('incremental')).toBe(2);
  // With two, a machine that is slow enough would start the other one.
  expect(await startedBy('incremental', 1)).toBe(0);
  expect(await startedBy('full')).toBe(2);
});

test('several workers restore what several backed up, a large file together, with the times of all directories', async () => {
  const machine = await Machine.make(100_000);
  const target = makeTempDir();

  const root = await machine.backUp('full', { limits: few, workers: 2 });
  const outcome = await machine.restore(root, target, { limits: few, workers: 2 });

  expect(root.warnings).toBe(0);
  expect(root.counts.files).toBe(listNames(machine.source).length);
  expect(outcome).toMatchObject({ files: root.counts.files, failed: [] });
  expect(pictureOf(target)).toEqual(pictureOf(machine.source));
});

test('reads nothing when nothing has changed, and only what has when something has', async () => {
  const machine = await Machine.make();
  const target = makeTempDir();
  const full = await machine.backUp('full');

  const same = await machine.backUp('incremental');
  writeFileSync(path.join(machine.source, 'd1/new'), 'new content');
  rmSync(path.join(machine.source, 'd2'), { recursive: true });
  const changed = await machine.backUp('incremental');
  await machine.restore(changed, target);

  expect(same.counts).toMatchObject({ files: full.counts.files, filesChanged: 0, readBytes: 0 });
  expect(same.manifest).toBe(full.manifest);
  expect(changed.counts.readBytes).toBe('new content'.length);
  expect(changed.counts.filesRemoved).toBeGreaterThan(10);
  expect(pictureOf(target)).toEqual(pictureOf(machine.source));
});

test('several workers share a large file with a hole in it, and find the chunks of one who reads it alone', async () => {
  const machine = new Machine();
  await createKeyFile(machine.vault.keyFile, systemRandom);
  plantTree(machine.source, { a: 'small', z: 'small, too' });
  const mebibyte = 2 ** 20;
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  const file = openSync(path.join(machine.source, 'large'), 'w');
  for (const at of [0, 11])
    writeSync(file, noise.update(Buffer.alloc(6 * mebibyte)), 0, undefined, at * mebibyte);
  closeSync(file);
  const sharing = {
    sharedFromBytes: 8 * mebibyte,
    leastPartBytes: mebibyte,
    mostPartBytes: 2 * mebibyte,
    searchedBytes: 8 * mebibyte,
  };

  const shared = await machine.backUp('full', { workers: 3, sharing });
  const alone = await machine.backUp('full', { workers: 3 });
  const target = path.join(makeTempDir(), 'restored');
  const restored = await machine.restore(shared, target, { workers: 2 });

  expect(shared.counts).toMatchObject({ files: 3, readBytes: alone.counts.readBytes });
  expect(alone.counts).toMatchObject({ files: 3, newBytes: 0 });
  expect(shared.manifest).not.toEqual(alone.manifest);
  expect(restored.failed).toEqual([]);
  expect(pictureOf(target)).toEqual(pictureOf(machine.source));
});

test('restores paths alone, and an empty directory', async () => {
  const machine = await Machine.make();
  const [some, none] = [makeTempDir(), makeTempDir()];
  const root = await machine.backUp('full');
  const empty = new Machine();
  await createKeyFile(empty.vault.keyFile, systemRandom);

  const outcome = await machine.restore(root, some, { paths: ['d3/'] });
  const ofNothing = await empty.restore(await empty.backUp('full'), none);

  expect(outcome.files).toBeGreaterThan(5);
  expect(readdirSync(some)).toEqual(['d3']);
  expect(ofNothing).toMatchObject({ files: 0, written: 0, failed: [] });
});

/** The mark of a process that has ended. */
function markOfTheDead(): string {
  const module = new URL('../src/store/process-mark.ts', import.meta.url);
  const script = `import { makeProcessMark } from '${module.href}'; process.stdout.write(makeProcessMark().text)`;
  return execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' });
}

test.for([
  ['whose process was killed does not make the next one wait', markOfTheDead, 'completed'],
  ['that is at work elsewhere does', () => makeProcessMark().text, 'RunOpenError'],
] as const)('a run %s', async ([, makeMark, wanted]) => {
  const machine = await Machine.make();
  const { services, close } = await openLocalVault(machine.vault);
  await services.catalog.runs.open({
    runId: newId<RunId>(systemRandom),
    resourceArn: directoryArn(machine.source),
    plan: 'local',
    requestedType: 'full',
    type: 'full',
    leaseUntil: new Date(Date.now() + 86_400_000),
    startedAt: new Date(Date.now() - 60_000),
    aliveUntil: new Date(Date.now() + 600_000),
    state: 'open',
    execution: makeMark(),
  });
  close();

  const outcome = await machine.backUp('full').then(
    () => 'completed',
    (error: unknown) => (error as Error).name,
  );

  expect(outcome).toBe(wanted);
});

test('leaves the facts of a directory that was there, where it may not overwrite', async () => {
  const machine = await Machine.make();
  const target = makeTempDir();
  plantTree(target, { 'd1/mine': 'kept', 'd1/e1/mine': 'kept' });
  utimesSync(path.join(target, 'd1/e1'), 1_500_000_000, 1_500_000_000);
  const before = lstatSync(path.join(target, 'd1')).mode;

  await machine.restore(await machine.backUp('full'), target);

  expect(readFileSync(path.join(target, 'd1/mine'), 'utf8')).toBe('kept');
  expect(lstatSync(path.join(target, 'd1')).mode).toBe(before);
  expect(lstatSync(path.join(target, 'd1')).mtimeMs).not.toBe(
    lstatSync(path.join(machine.source, 'd1')).mtimeMs,
  );
});

test('a pipe that is left out is a warning, and lacks nothing', async () => {
  const machine = await Machine.make();
  execFileSync('sh', ['-c', 'mkfifo "$0"', path.join(machine.source, 'd1/pipe')]);
  // Of a time that has no nanoseconds nothing is lost.
  utimesSync(path.join(machine.source, 'd1'), 1_600_000_000, 1_600_000_000);

  const root = await machine.backUp('full');

  expect(root).toMatchObject({ warnings: 1, warningList: [{ path: 'd1/pipe', reason: 'unreadable' }] });
  expect(root.warningList[0]).not.toHaveProperty('unread');
  expect(root.unread).toEqual({ carried: 0, missing: 0 });
});

test.runIf(process.geteuid?.() === 0)('what cannot be listed is missing from the point', async () => {
  const machine = await Machine.make();
  chmodSync(path.join(machine.source, 'd2'), 0o700);
  execFileSync('chmod', ['a+rwX', path.dirname(machine.vault.root), machine.source]);
  execFileSync('chown', ['65534', machine.vault.keyFile]);
  process.seteuid?.(65_534);

  const root = await machine.backUp('full').finally(() => process.seteuid?.(0));

  expect(root.unread).toEqual({ carried: 0, missing: 1 });
  expect(root.warningList).toMatchObject([{ path: 'd2/', reason: 'denied', unread: 'missing' }]);
});

test('what is left out by design is said once for each kind, with the number of entries', async () => {
  const machine = await Machine.make();
  const { source } = machine;
  execFileSync('sh', ['-c', 'mkfifo "$0/d1/pipe" "$0/d4/pipe"', source]);
  linkSync(path.join(source, 'large'), path.join(source, 'd3/linked'));
  execFileSync('touch', ['-d', '2020-01-01T00:00:00.123456789Z', path.join(source, 'd5/e2/f5')]);
  for (const name of ['.', 'd1', 'd3', 'd4'])
    utimesSync(path.join(source, name), 1_600_000_000, 1_600_000_000);

  for (const root of [await machine.backUp('full'), await machine.backUp('incremental')]) {
    expect(root.warnings).toBe(3);
    expect(root.warningList.map(({ message }) => message).sort()).toEqual([
      'entries that are sockets, devices or pipes and are not backed up: 2, "d1/pipe" for one',
      'entries that have several hard links: each name is restored as a file of its own: 2, "d3/linked" for one',
      'entries that have times in nanoseconds: they are restored to the quarter of a microsecond: 1, "d5/e2/f5" for one',
    ]);
    expect(root.unread).toEqual({ carried: 0, missing: 0 });
  }
});

test('refuses a vault in the directory that it would back up, and a directory in the vault, whatever leads there', async () => {
  const place = makeTempDir();
  const keyFile = path.join(makeTempDir(), 'key');
  await createKeyFile(keyFile, systemRandom);
  plantTree(place, {
    'home/file': 'x',
    'vault/inner/file': 'x',
    link: { link: 'home' },
    'home/way': { link: '../vault' },
  });
  const backUp = async (directory: string, root: string): Promise<unknown> =>
    backUpDirectory({
      vault: { root: path.join(place, root), keyFile },
      directory: path.join(place, directory),
      type: 'full',
      keepDays: 7,
      workers: 1,
    });

  for (const [directory = '', vault = ''] of [
    ['home', 'home/new/vault'],
    ['link', 'home/vault'],
    ['home', 'link/vault'],
    ['vault', 'vault'],
    ['vault/inner', 'vault'],
    ['home/way/inner', 'vault'],
  ]) {
    await expect(backUp(directory, vault)).rejects.toMatchObject({ name: 'InvalidInputError' });
  }
  expect(readdirSync(path.join(place, 'home'))).toEqual(['file', 'way']);
  expect(readdirSync(path.join(place, 'vault'))).toEqual(['inner']);
});

test('a vault that a mount has brought into a directory is met by its listing', async () => {
  const place = makeTempDir();
  plantTree(place, { 'home/mounted/packs/p': 'x', 'home/a': 'x' });
  // As a bind mount does it: the same directory under two names. A directory has no second hard link to try it with.
  const source = new DirectorySource({
    root: path.join(place, 'home'),
    clock: systemClock,
    onWarning: () => {},
    vault: path.join(place, 'home/mounted'),
  });

  await expect(allOf(source.list({}))).rejects.toMatchObject({ name: 'InvalidInputError' });
});
