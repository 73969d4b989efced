import { expect, test } from 'vitest';

import { RestoreQueue } from '../src/workers/restore-queue.ts';
import type { SharedFile } from '../src/workers/shared-file.ts';

/** A file of one stretch that nobody has taken. */
function fileToFill(): SharedFile {
  const counters = new Int32Array(new SharedArrayBuffer(12));
  return {
    path: Buffer.from('large'),
    fd: -1,
    dev: 0n,
    ino: 0n,
    stretches: [{ from: 0, to: 1, extent: 0 }],
    counters,
  };
}

test('gives out files to help with when all shards are taken, and only as long as there is something to do', async () => {
  const queue = new RestoreQueue([{ index: 0 }, { index: 1 }]);
  const tasks = queue.tasks();
  const [finished, open] = [fileToFill(), fileToFill()];
  queue.addFile(finished);
  queue.addFile(open);
  Atomics.store(finished.counters, 0, 1);

  expect((await tasks.next()).value).toEqual({ shard: { index: 0 } });
  expect((await tasks.next()).value).toEqual({ shard: { index: 1 } });
  expect((await tasks.next()).value).toEqual({ help: open });
});

test('waits for files while shards are being done, and ends with the last one', async () => {
  const queue = new RestoreQueue([{ index: 0 }]);
  const tasks = queue.tasks();
  await tasks.next();
  const file = fileToFill();

  const help = tasks.next();
  queue.addFile(file);
  expect((await help).value).toEqual({ help: file });
  Atomics.store(file.counters, 0, 1);
  const end = tasks.next();
  queue.endShard();

  expect(await end).toEqual({ done: true, value: undefined });
});
