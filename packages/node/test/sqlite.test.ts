import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { StatementSync } from 'node:sqlite';
import { catalogContract, chunkIndexContract } from '@holdfast/engine/testing';
import type { ChunkId, PackId, PackRow, PointId, PointRow, ResourceArn } from '@holdfast/engine';
import { expect, onTestFinished, test, vi } from 'vitest';

import { catalogSchema } from '../src/catalog/sqlite-catalog-schema.ts';
import { SqliteCatalog } from '../src/catalog/sqlite-catalog.ts';
import { SqliteChunkIndex } from '../src/catalog/sqlite-chunk-index.ts';
import { SqliteDatabase } from '../src/catalog/sqlite-database.ts';
import { SqlitePointRows } from '../src/catalog/sqlite-point-rows.ts';
import { makeTempDir } from './temp-dir.ts';

catalogContract({
  name: 'a SQLite file',
  make: async () => {
    const file = path.join(makeTempDir(), 'catalog.sqlite');
    const catalog = new SqliteCatalog(file);
    return {
      catalog,
      plantPack: async (row: PackRow) => {
        const database = new SqliteDatabase({ path: file, schema: '' });
        database
          .statement('INSERT OR REPLACE INTO packs (id, row) VALUES (?, ?)')
          .run(row.packId, JSON.stringify(row));
        database.close();
      },
    };
  },
});

chunkIndexContract({
  name: 'a SQLite file',
  make: async () => new SqliteChunkIndex(path.join(makeTempDir(), 'index.sqlite')),
});

const id = (n: number): ChunkId => n.toString(16).padStart(64, '0') as ChunkId;
const location = {
  packId: 'ab'.repeat(16) as PackId,
  frame: 1,
  offset: 2,
  length: 3,
  contentBytes: 9,
  start: 4,
};

test('shows what another connection to the same file wrote', async () => {
  const file = path.join(makeTempDir(), 'index.sqlite');
  const one = new SqliteChunkIndex(file);
  const two = new SqliteChunkIndex(file);

  await one.put([{ id: id(1), location }]);

  expect(await two.find([id(1)])).toEqual(new Map([[id(1), location]]));
  one.close();
  two.close();
});

test('keeps rows when the file is closed and opened again', async () => {
  const file = path.join(makeTempDir(), 'index.sqlite');
  const before = new SqliteChunkIndex(file);
  await before.put([{ id: id(7), location }]);
  before.close();

  const after = new SqliteChunkIndex(file);

  expect((await after.find([id(7)])).get(id(7))).toEqual(location);
  after.close();
});

test('a checkpoint moves what was written into the file while others have it open', async () => {
  const file = path.join(makeTempDir(), 'index.sqlite');
  const one = new SqliteChunkIndex(file);
  const two = new SqliteChunkIndex(file);
  await one.put([{ id: id(1), location }]);
  const copied = path.join(makeTempDir(), 'copy.sqlite');

  two.checkpoint();
  copyFileSync(file, copied);

  // The file alone, without its log.
  const copy = new SqliteChunkIndex(copied);
  expect((await copy.find([id(1)])).get(id(1))).toEqual(location);
  for (const index of [one, two, copy]) index.close();
});

test('reads few rows for whoever wants the newest alone, and all of them, in their order, for who wants all', async () => {
  const database = new SqliteDatabase({
    path: path.join(makeTempDir(), 'catalog.sqlite'),
    schema: catalogSchema,
  });
  const points = new SqlitePointRows(database);
  const resourceArn = 'arn:aws:s3:::photos' as ResourceArn;
  database.transaction(() => {
    for (let n = 0; n < 700; n += 1) {
      // Several of one time, which their ids order.
      const sourceTime = new Date(Math.floor(n / 3) * 1000);
      const pointId = String(n).padStart(4, '0') as PointId;
      points.putNow(pointId, { pointId, resourceArn, sourceTime, expiresAt: sourceTime } as PointRow);
    }
  });
  const read = vi.spyOn(StatementSync.prototype, 'all');
  onTestFinished(() => read.mockRestore());

  for await (const { pointId } of points.list(resourceArn)) {
    expect(pointId).toBe('0699');
    break;
  }
  const rows = read.mock.results.flatMap(({ value }) => value as unknown[]);
  const all = await Array.fromAsync(points.list(resourceArn), ({ pointId }) => Number(pointId));

  expect(rows.length).toBeLessThan(10);
  expect(all).toEqual(Array.from({ length: 700 }, (_, n) => 699 - n));
  database.close();
});

test('undoes a transaction whose work throws', () => {
  const database = new SqliteDatabase({
    path: path.join(makeTempDir(), 'x.sqlite'),
    schema: 'CREATE TABLE IF NOT EXISTS t (v INTEGER)',
  });

  expect(() =>
    database.transaction(() => {
      database.statement('INSERT INTO t VALUES (1)').run();
      throw new RangeError('no');
    }),
  ).toThrow(RangeError);

  expect(database.statement('SELECT count(*) AS n FROM t').get()).toEqual({ n: 0 });
  database.close();
});

test('says that a file is no database', () => {
  expect(() => new SqliteCatalog(makeTempDir())).toThrow(
    expect.objectContaining({ name: 'StoreUnavailableError' }),
  );
});
