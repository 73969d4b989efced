import { expect, test } from 'vitest';

import { ShardQueue } from '../src/workers/shard-queue.ts';

test('numbers shards in the order in which workers tell what follows', async () => {
  const queue = new ShardQueue();
  const shards = queue.shards();

  expect(await shards.next()).toEqual({ done: false, value: { index: 0 } });
  queue.take({ index: 0, following: [{ from: 'YQ==' }], goesOn: false });
  expect(await shards.next()).toEqual({ done: false, value: { index: 1, from: 'YQ==' } });
  queue.take({ index: 1, following: [], goesOn: false });
  expect(await shards.next()).toEqual({ done: true, value: undefined });
  expect(queue.order).toEqual([0, 1]);
});

test('hands out stretches while a range is being cut, and waits for what follows it', async () => {
  const queue = new ShardQueue();
  const shards = queue.shards();
  const entry = { kind: 'file', size: 3, modifiedMs: 0, changeToken: 'x' } as const;
  const facts = { attributes: {}, userMetadata: {}, tags: {} };
  const stretch = { offset: 1, length: 2, path: 'YQ==', entry: { ...entry, ...facts } };
  await shards.next();

  queue.take({ index: 0, following: [{ stretch }, { from: 'Yg==' }], goesOn: false });
  expect((await shards.next()).value).toMatchObject({ index: 1, stretch });
  expect((await shards.next()).value).toMatchObject({ index: 2, from: 'Yg==' });
  const next = shards.next();
  queue.take({ index: 2, following: [{ from: 'Yw==' }], goesOn: false });

  expect((await next).value).toMatchObject({ index: 3, from: 'Yw==' });
});

test('orders what a worker leaves of a content right behind its shard, and waits for whoever may leave some', async () => {
  const queue = new ShardQueue();
  const shards = queue.shards();
  await shards.next();
  queue.take({ index: 0, following: [{ from: 'Yg==' }], goesOn: true });
  await shards.next();
  queue.take({ index: 1, following: [], goesOn: false });
  const next = shards.next();

  queue.take({ index: 0, following: [{ from: 'YQ==' }], goesOn: false });
  expect((await next).value).toMatchObject({ index: 2, from: 'YQ==' });
  queue.take({ index: 2, following: [{ from: 'YWE=' }], goesOn: false });
  expect((await shards.next()).value).toMatchObject({ index: 3 });
  queue.take({ index: 3, following: [], goesOn: false });

  expect(await shards.next()).toEqual({ done: true, value: undefined });
  expect(queue.order).toEqual([0, 2, 3, 1]);
});

test('gives out what is left of a content that was begun before anything behind it', async () => {
  const queue = new ShardQueue();
  const shards = queue.shards();
  await shards.next();
  queue.take({ index: 0, following: [{ from: 'YQ==' }, { from: 'Yw==' }, { from: 'ZA==' }], goesOn: false });
  expect((await shards.next()).value).toMatchObject({ index: 1 });

  queue.take({ index: 1, following: [{ from: 'YWE=' }, { from: 'YWI=' }], goesOn: false });

  expect((await shards.next()).value).toMatchObject({ index: 4, from: 'YWE=' });
  expect((await shards.next()).value).toMatchObject({ index: 5, from: 'YWI=' });
  expect((await shards.next()).value).toMatchObject({ index: 2, from: 'Yw==' });
  expect((await shards.next()).value).toMatchObject({ index: 3, from: 'ZA==' });
  expect(queue.order).toEqual([0, 1, 4, 5, 2, 3]);
});

test('ends at once for all that take from it, also for who waits for what follows a range', async () => {
  const shards = new ShardQueue().shards();
  await shards.next();
  const waiting = shards.next();

  await shards.return();

  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(await shards.next()).toEqual({ done: true, value: undefined });
});
