import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bucketArn, CliUnderTest } from '../cli-under-test.ts';

/** Two files whose content does not compress, so that each has bytes of its own to damage. */
async function backedUp() {
  const cli = new CliUnderTest();
  await cli.plantResource();
  cli.source.plant('a.bin', cli.random.bytes(20_000));
  cli.source.plant('b.bin', cli.random.bytes(20_000));
  const { root } = await cli.backUp();
  return { cli, root };
}

test('says that a whole point has no damage', async () => {
  const { cli, root } = await backedUp();

  const { code, out } = await cli.run('verify', root.point);

  expect(out).toBe(`point ${root.point}: read 2 files, 39 KiB in 2 chunks of 1 pack: no damage\n`);
  expect(code).toBe(0);
});

test('ends with 4 and names each file that is damaged', async () => {
  const { cli, root } = await backedUp();
  cli.store.decay('packs/', 5_000);

  const { code, out, err } = await cli.run('verify', root.point);
  const document = await cli.json('verify', bucketArn);

  expect(code).toBe(4);
  expect(err).toBe('');
  expect(out).toMatch(/^damaged: a\.bin: .+; run verify on the points that use it\n/);
  expect(out).not.toContain('b.bin');
  expect(out).toContain('DAMAGED: 1 file cannot be restored, 0 other problems\n');
  expect(document).toMatchObject({
    pointId: root.point,
    damaged: true,
    damagedFileCount: 1,
    damagedFiles: [{ path: 'a.bin' }],
  });
});

test('ends with 4 when the root itself is damaged', async () => {
  const { cli, root } = await backedUp();
  cli.store.decay('points/', 60);

  const { code, err } = await cli.run('verify', root.point);

  expect(code).toBe(4);
  expect(err).toMatch(/^holdfast: points\/\w+\/\S+ is damaged: /);
});

test('a damaged file is left out of a restore to a directory, which ends with 4', async ({
  onTestFinished,
}) => {
  const { cli, root } = await backedUp();
  cli.store.decay('packs/', 5_000);
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-'));
  onTestFinished(async () => rm(directory, { recursive: true }));

  const { code, out } = await cli.run('restore', root.point, '--to-directory', directory);

  expect(code).toBe(4);
  expect(out).toContain('not restored: a.bin: ');
  expect(await readdir(directory)).toEqual(['b.bin']);
});

test('tells a watching person how far it is', async () => {
  const { cli, root } = await backedUp();
  cli.errIsTerminal = true;

  const { err } = await cli.run('verify', root.point);

  expect(err).toBe('verify: 1 of 2 files, 0 B\n');
});
