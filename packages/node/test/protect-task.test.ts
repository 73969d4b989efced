import { createCipheriv } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { backUpFiles, BufferPool, newId, shardFromJson, type RunId, type ShardJson } from '@holdfast/engine';
import { expect, test } from 'vitest';

import {
  createKeyFile,
  directoryArn,
  DirectorySource,
  openLocalVault,
  systemClock,
  systemRandom,
} from '../src/index.ts';
import { type ProtectJob, protectTask } from '../src/workers/protect-task.ts';
import { ShardQueue, type CutNews } from '../src/workers/shard-queue.ts';
import { makeTempDir } from './temp-dir.ts';

const mebibyte = 2 ** 20;
/** Chunks of noise are cut at the same places after about 6 MiB. */
const sharing = {
  sharedFromBytes: 4 * mebibyte,
  leastPartBytes: mebibyte,
  mostPartBytes: 2 * mebibyte,
  searchedBytes: 8 * mebibyte,
};

/** Backs up a directory, its shards one after the other. @returns each shard with the news of it. */
async function protectInTurn(
  directory: string,
  { firstFiles, limits }: Pick<ProtectJob, 'firstFiles' | 'limits'> = {
    firstFiles: 3,
    limits: { files: 3, bytes: 100 * mebibyte },
  },
): Promise<{ shard: ShardJson; news: CutNews[] }[]> {
  const vault = path.join(makeTempDir(), 'vault');
  const keyFile = path.join(makeTempDir(), 'key');
  await createKeyFile(keyFile, systemRandom);
  const { services, close } = await openLocalVault({ root: vault, keyFile });
  const found: { shard: ShardJson; news: CutNews[] }[] = [];
  const request = {
    resourceArn: directoryArn(directory),
    resourceKind: 'directory',
    runId: newId<RunId>(systemRandom),
    plan: 'local',
    type: 'full',
    keepDays: 7,
    readTags: false,
  } as const;
  const source = new DirectorySource({ root: directory, clock: systemClock, onWarning: () => {} });
  await backUpFiles(services, request, {
    source,
    protectAll: async (plan, keys) => {
      const queue = new ShardQueue();
      const job = { directory, vaultRoot: vault, plan, limits, sharing, firstFiles };
      const opened = { services, keys, buffers: new BufferPool() };
      for await (const shard of queue.shards()) {
        const news: CutNews[] = [];
        const tell = (one: unknown): void => {
          news.push(one as CutNews);
          queue.take(one as CutNews);
        };
        await protectTask(opened, job, shardFromJson(shard), { tell, waits: () => {} });
        found.push({ shard, news });
      }
      return queue.order;
    },
  });
  close();
  return found;
}

/** @param bytes - of each file, all of which begin alike. */
function plant(bytes: Readonly<Record<string, number>>): string {
  const directory = makeTempDir();
  const most = Math.max(...Object.values(bytes));
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(most));
  for (const [name, size] of Object.entries(bytes))
    writeFileSync(path.join(directory, name), noise.subarray(0, size));
  return directory;
}

test('another worker gets the rest of a large file before what is behind it, which may be a copy', async () => {
  const done = await protectInTurn(plant({ one: 26 * mebibyte, two: 5 * mebibyte }));

  const [first] = done;
  expect(first?.news).toMatchObject([
    { index: 0, following: [{ stretch: { mustRead: true } }, { from: expect.any(String) }], goesOn: false },
  ]);
  const names = done.map(
    ({ shard: { stretch } }) => stretch && Buffer.from(stretch.path, 'base64').toString(),
  );
  expect(names.slice(0, 4)).toEqual([undefined, 'one', 'one', undefined]);
});

test('another worker goes on behind small files at once, before any of them has been read', async () => {
  const done = await protectInTurn(plant({ a: 1, b: 2, c: 3, d: 4 }));

  expect(done.map(({ news }) => news)).toMatchObject([
    [
      { index: 0, following: [{ from: expect.any(String) }], goesOn: true },
      { index: 0, following: [], goesOn: false },
    ],
    [{ index: 1, following: [], goesOn: false }],
  ]);
});

test.for([
  [0, 4],
  [4, 1],
] as const)('with %d files that a thread begins alone, %d shards of 4 MiB', async ([firstFiles, shards]) => {
  const directory = plant({ one: mebibyte, two: mebibyte, three: mebibyte, four: mebibyte });
  const limits = { files: 8_000, bytes: 4 * mebibyte };

  expect(await protectInTurn(directory, { firstFiles, limits })).toHaveLength(shards);
});
