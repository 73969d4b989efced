import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ChunkCorruptError, StoreUnavailableError } from '@holdfast/engine';
import { allOf } from '@holdfast/engine/testing';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { runPool, WorkerDiedError } from '../src/workers/worker-pool.ts';
import { WarmWorkers } from '../src/workers/warm-workers.ts';
import type { PoolOptions } from '../src/workers/worker-pool.ts';
import type { SampleTask } from './workers/sample-worker.ts';

type Options = PoolOptions<{ factor: number }, SampleTask>;

/** Bundled, as what every test starts threads of anew: out of modules, a thread loads the whole engine. */
const bundle = mkdtempSync(join(tmpdir(), 'holdfast-pool-'));
const module = pathToFileURL(join(bundle, 'sample-worker.js'));

beforeAll(async () => {
  const entry = join(import.meta.dirname, 'workers', 'sample-worker.ts');
  const form = { bundle: true, platform: 'node', format: 'esm', minify: true } as const;
  await build({ ...form, entryPoints: [entry], outdir: bundle });
});

afterAll(() => rmSync(bundle, { recursive: true }));

function run(tasks: Options['tasks'], more: Partial<Options> = {}): AsyncGenerator<number, void, undefined> {
  return runPool<{ factor: number }, SampleTask, number>({
    workers: 2,
    module,
    initial: { factor: 1 },
    tasks,
    ...more,
  });
}

const squares = (count: number): SampleTask[] =>
  Array.from({ length: count }, (_, value) => ({ kind: 'square', value }));

async function* failingTasks(): AsyncGenerator<SampleTask> {
  yield { kind: 'square', value: 1 };
  throw new RangeError('no more');
}

test('gives results in the order of the tasks, with what the workers were started with', async () => {
  const results = await allOf(run(squares(50), { initial: { factor: 10 } }));

  expect(results).toEqual(squares(50).map((_, n) => 10 * n * n));
});

test('gives every result once when they come in any order', async () => {
  const results = await allOf(run(squares(50), { order: 'done', workers: 3 }));

  expect(results.sort((a, b) => a - b)).toEqual(squares(50).map((_, n) => n * n));
});

test('begins a task beside one that only waits for its end, one beside the other', async () => {
  const tasks: SampleTask[] = [
    { kind: 'wait-for-next' },
    { kind: 'wait-for-next' },
    { kind: 'square', value: 3 },
  ];

  expect(await allOf(run(tasks, { workers: 1 }))).toEqual(['waited', 'waited', 9]);
});

test('fails with the error of a task that waited', async () => {
  const results = run([{ kind: 'wait-for-next' }, { kind: 'corrupt' }], { workers: 1 });

  await expect(allOf(results)).rejects.toThrow(ChunkCorruptError);
});

test('takes tasks from a generator as workers become free, not all at once', async () => {
  let asked = 0;
  async function* tasks(): AsyncGenerator<SampleTask> {
    for (; asked < 1000; asked += 1) yield { kind: 'square', value: 2 };
  }
  const results = run(tasks());

  await results.next();

  expect(asked).toBeLessThan(20);
  await results.return();
});

test('tells the generator when the caller stops early', async () => {
  let returned = false;
  async function* tasks(): AsyncGenerator<SampleTask> {
    try {
      for (;;) yield { kind: 'square', value: 2 };
    } finally {
      returned = true;
    }
  }

  for await (const result of run(tasks())) {
    expect(result).toBe(4);
    break;
  }

  expect(returned).toBe(true);
});

test('passes on what a task tells before it is done', async () => {
  const news: unknown[] = [];

  const results = await allOf(run([{ kind: 'tell', value: 6 }], { onNews: (one) => news.push(one) }));

  expect(results).toEqual([6]);
  expect(news).toEqual([1, 2]);
});

test('uses threads that were started before, and ends those that it does not need', async () => {
  const warm = new WarmWorkers(module, 3);

  const results = await allOf(run(squares(1), { warm, workers: 2 }));
  await warm.end();

  expect(results).toEqual([0]);
  expect(warm.take()).toBeUndefined();
});

test('says why a thread that was started before has ended', async () => {
  const warm = new WarmWorkers(new URL('./workers/does-not-exist.ts', import.meta.url), 1);
  const taken = warm.take();
  const ended = new Promise((resolve) => taken?.thread.on('exit', resolve));

  await ended;

  expect(String(taken?.failure)).toContain('does-not-exist');
});

test('runs no worker for no tasks', async () => {
  expect(await allOf(run([], { module: new URL('./workers/does-not-exist.ts', import.meta.url) }))).toEqual(
    [],
  );
});

test('throws the error of a task with its class, fields and cause', async () => {
  const failed = await allOf(run([...squares(3), { kind: 'corrupt' }])).catch((error: unknown) => error);

  expect(failed).toBeInstanceOf(ChunkCorruptError);
  expect(failed).toMatchObject({ name: 'ChunkCorruptError', retry: 'never', chunkId: 'c1', packId: 'p1' });
  expect((failed as Error).message).toContain('chunk c1 in pack p1');
  expect((failed as Error).stack).toContain('sample-worker');
  expect((failed as Error).cause).toBeInstanceOf(StoreUnavailableError);
});

test('throws errors of other classes with their name and message', async () => {
  const failed = allOf(run([{ kind: 'unknown-class' }]));

  await expect(failed).rejects.toMatchObject({ name: 'TypeError', message: 'odd', detail: 7 });
});

test.each([
  ['exit', /exit code 3/],
  ['exhaust-memory', /memory/],
  ['uncaught', /nobody catches this/],
] as const)('says that a worker died of %s', async (kind, why) => {
  const failed = allOf(run([{ kind }], { workers: 1, limits: { maxOldGenerationSizeMb: 24 } }));

  await expect(failed).rejects.toBeInstanceOf(WorkerDiedError);
  await expect(failed).rejects.toThrow(why);
  await expect(failed).rejects.toThrow(/at task 0/);
});

test('says that a module cannot be loaded, a start failed, or a result cannot be copied', async () => {
  await expect(
    allOf(run(squares(1), { module: new URL('./workers/does-not-exist.ts', import.meta.url) })),
  ).rejects.toThrow(/does-not-exist/);
  await expect(allOf(run(squares(1), { initial: { factor: -1 } }))).rejects.toThrow('no negative factors');
  await expect(allOf(run([{ kind: 'cannot-copy' }]))).rejects.toMatchObject({ name: 'DataCloneError' });
  expect(() => run([], { workers: 0 })).toThrow(/0 workers/);
});

test('throws what the generator of tasks throws', async () => {
  await expect(allOf(run(failingTasks()))).rejects.toThrow('no more');
});

test('stops workers in the middle of a task when it is aborted', async () => {
  const controller = new AbortController();
  const results = run([{ kind: 'square', value: 3 }, { kind: 'hang' }, { kind: 'hang' }], {
    signal: controller.signal,
  });

  expect((await results.next()).value).toBe(9);
  controller.abort(new RangeError('enough'));

  await expect(results.next()).rejects.toThrow('enough');
});

test('does not start when it is aborted already', async () => {
  const signal = AbortSignal.abort(new RangeError('before'));

  await expect(allOf(run([{ kind: 'hang' }], { signal }))).rejects.toThrow('before');
});
