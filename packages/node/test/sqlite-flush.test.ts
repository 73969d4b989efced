import { readlinkSync } from 'node:fs';
import type * as fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';

import { SqliteDatabase } from '../src/catalog/sqlite-database.ts';
import { makeTempDir } from './temp-dir.ts';

type Done = (error: Error | null) => void;

// The disk's answer to a flush, held back or given at once.
const disk = vi.hoisted(() => ({
  flushed: [] as number[],
  answer: ((done) => done(null)) as (done: Done) => void,
}));

vi.mock('node:fs', async (original) => ({
  ...(await original<typeof fs>()),
  fdatasync: (fd: number, done: Done) => {
    disk.flushed.push(fd);
    disk.answer(done);
  },
}));

afterEach(() => {
  disk.flushed.length = 0;
  disk.answer = (done) => done(null);
});

function makeDatabase(): { database: SqliteDatabase; file: string; insert: () => Promise<unknown> } {
  const file = path.join(makeTempDir(), 'x.sqlite');
  const database = new SqliteDatabase({ path: file, schema: 'CREATE TABLE IF NOT EXISTS t (v INTEGER)' });
  const insert = async (): Promise<unknown> =>
    database.durably(() => database.statement('INSERT INTO t VALUES (1)').run());
  return { database, file, insert };
}

test('a durable step settles only when its log has reached the disk', async () => {
  const { database, file, insert } = makeDatabase();
  const held = Promise.withResolvers<Done>();
  disk.answer = (done) => held.resolve(done);
  let settled = false;

  const step = insert().then(() => (settled = true));
  const answer = await held.promise;

  expect(settled).toBe(false);
  if (process.platform === 'linux')
    expect(readlinkSync(`/proc/self/fd/${disk.flushed[0]}`)).toBe(`${file}-wal`);
  answer(null);
  await step;
  expect(settled).toBe(true);
  database.close();
});

test('a flush that failed fails every durable step from then on', async () => {
  const { database, insert } = makeDatabase();
  disk.answer = (done) => done(Object.assign(new Error('i/o error'), { code: 'EIO' }));

  await expect(insert()).rejects.toMatchObject({ name: 'StoreUnavailableError' });
  disk.answer = (done) => done(null);

  // The system may call bytes written that it has given up.
  await expect(insert()).rejects.toThrow(/EIO when its log was flushed/);
  expect(disk.flushed).toHaveLength(1);
  database.close();
});

test('a step that began beside one whose flush fails does not count as written', async () => {
  const { database, insert } = makeDatabase();
  const held = Promise.withResolvers<Done>();
  disk.answer = (done) => held.resolve(done);

  const steps = Promise.allSettled([insert(), insert()]);
  const fail = await held.promise;
  // A failed write is reported once.
  disk.answer = (done) => done(null);
  fail(Object.assign(new Error('i/o error'), { code: 'EIO' }));

  expect((await steps).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  database.close();
});
