import { FaultPlan, MemoryCatalog, MemoryChunkIndex, withFaults } from '@holdfast/engine/testing';
import { expect, test } from 'vitest';
import { CliUnderTest } from '../cli-under-test.ts';

async function withLostTables(): Promise<CliUnderTest> {
  const cli = new CliUnderTest();
  cli.source.plant('a', 'content of a');
  await cli.backUp();
  cli.source.plant('b', 'content of b');
  await cli.backUp('incremental');
  cli.catalog = new MemoryCatalog();
  cli.index = new MemoryChunkIndex();
  return cli;
}

test('after both tables were lost, points are listed and backups go on where they were', async () => {
  const cli = await withLostTables();
  expect(await cli.json('points')).toEqual([]);

  const { code, out } = await cli.run('catalog', 'rebuild');

  expect(code).toBe(0);
  expect(out).toMatch(/^rebuilt 1 resource, 2 points, \d+ packs, 2 chunks\n/);
  expect(await cli.json('points', 'photos')).toMatchObject([{ type: 'incremental' }, { type: 'full' }]);
  expect((await cli.run('verify', 'photos')).code).toBe(0);
  const { root } = await cli.backUp('incremental');
  expect(root.counts).toMatchObject({ filesChanged: 0, newBytes: 0 });
});

test('damaged packs are named, and it ends with 4', async () => {
  const cli = await withLostTables();
  // Where a pack says what it holds: at its end.
  for await (const { name, bytes } of cli.store.listVersions('packs/')) cli.store.decay(name, bytes - 5);

  const { code, out } = await cli.run('catalog', 'rebuild');

  expect(code).toBe(4);
  expect(out).toMatch(/^damaged: pack [0-9a-f]{32};/m);
});

test('one that fails on its way says where another call goes on, and that one does', async () => {
  const cli = await withLostTables();
  const lost = cli.index;
  cli.index = withFaults(lost, new FaultPlan([{ kind: 'kill', call: 1, method: 'put' }]));

  const failed = await cli.run('catalog', 'rebuild');
  cli.index = lost;
  const place = /catalog rebuild --after (\S+)/.exec(failed.err)?.[1] ?? '';
  const { code, out } = await cli.run('catalog', 'rebuild', '--after', place, '--json');

  expect(failed.code).not.toBe(0);
  expect(place).toMatch(/^1\/1:/);
  expect(code).toBe(0);
  expect(lost.size).toBe(2);
  expect(JSON.parse(out)).toMatchObject({ chunks: 2, damagedPacks: [], failures: { count: 0 } });
  expect((await cli.run('catalog', 'rebuild', '--after', 'somewhere')).code).toBe(2);
});

test('waits for nobody: a maintenance at work is named, and nothing is written', async () => {
  const cli = await withLostTables();
  cli.executions.cycles = [{ name: 'daily-7', status: 'running', startedAt: new Date() }];

  const { code, err } = await cli.run('catalog', 'rebuild');

  expect(code).toBe(1);
  expect(err).toContain('maintenance daily-7 is at work');
  expect(await cli.json('points')).toEqual([]);
});
