import { closeSync, fstatSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  backUpFiles,
  cutContent,
  newId,
  openVault,
  PointReader,
  type ResourceArn,
  type RestoreOutcome,
  type Root,
  type RunId,
  StoreUnavailableError,
  type VaultKeys,
} from '@holdfast/engine';
import type { OverwriteRule } from '@holdfast/engine/model';
import {
  type Fault,
  FaultPlan,
  makeMemoryServices,
  MemorySource,
  ProcessKilledError,
  SeededRandom,
  withFaults,
} from '@holdfast/engine/testing';
import { beforeAll, expect, test } from 'vitest';

import { systemClock } from '../src/index.ts';
import { restorerOf } from '../src/workers/restore-shards.ts';
import { helpToFill, hasUntaken, type SharedFile } from '../src/workers/shared-file.ts';
import { makeTempDir } from './temp-dir.ts';

const mebibyte = 2 ** 20;
const random = new SeededRandom();
const services = makeMemoryServices(systemClock, random);
const noise = random.bytes(5 * mebibyte);
// At its end chunks of zeros alone, each of up to 8 MiB.
const content = Buffer.concat([noise, Buffer.alloc(20 * mebibyte)]);
let keys: VaultKeys;
let root: Root;
beforeAll(async () => {
  const source = new MemorySource(systemClock);
  source.plant('large', content);
  source.plant('small', 'small');
  const request = {
    runId: newId<RunId>(random),
    resourceArn: 'arn:aws:s3:::films' as ResourceArn,
    resourceKind: 's3-bucket',
    plan: 'daily',
    type: 'full',
    keepDays: 7,
    readTags: false,
  } as const;
  ({ root } = await backUpFiles(services, request, { source }));
  keys = await openVault(services);
});

/** A reader of its own, as each worker has one. */
function readerWith(...faults: Fault[]): PointReader {
  return new PointReader(withFaults(services.store, new FaultPlan(faults)), keys, root);
}

interface Restored {
  readonly outcome: RestoreOutcome;
  readonly asked: readonly SharedFile[];
}

/** Restores with two helpers. */
async function restore(
  directory: string,
  {
    overwrite = 'never',
    reader = readerWith(),
    helper = () => readerWith(),
  }: {
    readonly overwrite?: OverwriteRule;
    readonly reader?: PointReader;
    readonly helper?: () => PointReader;
  } = {},
): Promise<Restored> {
  const job = { directory, vaultRoot: makeTempDir(), overwrite, paths: undefined, shared: new Map() };
  const asked: SharedFile[] = [];
  const helping: Promise<void>[] = [];
  const work = restorerOf(reader, { ...job, shareAboveBytes: 2 * mebibyte }, (file) => {
    asked.push(file);
    helping.push(helpToFill(helper(), file), helpToFill(helper(), file));
  });
  const outcome = await work({ index: 0 });
  await Promise.all(helping);
  return { outcome, asked };
}

function readLarge(directory: string): number {
  return Buffer.compare(readFileSync(path.join(directory, 'large')), content);
}

test('a large file that others help to fill is whole, with its holes, and a small one is not shared', async () => {
  const directory = makeTempDir();

  const { outcome, asked } = await restore(directory);

  expect(outcome).toMatchObject({ files: 2, written: 2, bytes: content.length + 5, failed: [] });
  expect(asked).toHaveLength(1);
  expect(asked[0]?.stretches.length).toBeGreaterThan(3);
  // Nobody has failed.
  expect(asked[0]?.counters[2]).toBe(0);
  expect(readdirSync(directory)).toEqual(['large', 'small']);
  expect(readLarge(directory)).toBe(0);
  expect(statSync(path.join(directory, 'large')).blocks * 512).toBeLessThan(content.length - 8 * mebibyte);
});

test('who comes too late writes nothing', async () => {
  const directory = makeTempDir();
  const {
    asked: [file],
  } = await restore(directory);

  expect(file && hasUntaken(file)).toBe(false);
  // The number may be that of another file by now.
  await helpToFill(readerWith({ kind: 'kill', call: 1 }), file as SharedFile);
});

test('who helps goes on with the same file when its owner has died, whatever has its number by then', async () => {
  const [mine, other] = ['mine', 'other'].map((name) => path.join(makeTempDir(), name)) as [string, string];
  const fd = openSync(mine, 'w');
  const { dev, ino } = fstatSync(fd, { bigint: true });
  const name = Buffer.from('large');
  const stretches = await cutContent(readerWith(), name, 2 * mebibyte);
  const counters = new Int32Array(new SharedArrayBuffer(12));
  const file = { path: name, fd, dev, ino, stretches, counters };
  let number: number | undefined;
  const reader = readerWith();
  const dying = Object.assign(Object.create(reader) as PointReader, {
    readRun: async (...call: Parameters<PointReader['readRun']>) => {
      if (number === undefined) {
        closeSync(fd);
        number = openSync(other, 'w');
      }
      return reader.readRun(...call);
    },
  });

  await helpToFill(dying, file);

  expect(Buffer.compare(readFileSync(mine).subarray(0, noise.length), noise)).toBe(0);
  expect(readFileSync(other)).toHaveLength(0);
  // Who comes when it has another file writes nothing at all.
  Atomics.store(file.counters, 0, 0);
  await helpToFill(readerWith(), file);
  expect(readFileSync(other)).toHaveLength(0);
  if (number !== undefined) closeSync(number);
});

test('a file is whole, although a helper could not read', async () => {
  const directory = makeTempDir();

  const { outcome } = await restore(directory, {
    helper: () => readerWith({ kind: 'fail-before', call: 2, times: 1_000 }),
  });

  expect(outcome).toMatchObject({ written: 2, failed: [] });
  expect(readLarge(directory)).toBe(0);
});

test.each([
  ['the store is away', 'fail-before', StoreUnavailableError],
  ['the process is killed', 'kill', ProcessKilledError],
] as const)('leaves no part of a file when %s', async (_, kind, expected) => {
  const directory = makeTempDir();
  const plan = new FaultPlan();
  await restore(makeTempDir(), { reader: new PointReader(withFaults(services.store, plan), keys, root) });
  const reader = readerWith({ kind, call: plan.calls() - 2, times: 1_000 });

  await expect(restore(directory, { reader })).rejects.toThrow(expected);

  expect(readdirSync(directory)).toEqual([]);
});

test.each([
  ['never', 'kept', false],
  ['if-different', 'same', false],
  ['always', 'written', true],
] as const)('with %s a file that is there is %s', async (overwrite, word, isShared) => {
  const directory = makeTempDir();
  await restore(directory);
  if (overwrite === 'never') writeFileSync(path.join(directory, 'large'), 'mine');

  const { outcome, asked } = await restore(directory, { overwrite });

  expect(outcome[word]).toBe(overwrite === 'never' ? 1 : 2);
  expect(asked.length > 0).toBe(isShared);
});
