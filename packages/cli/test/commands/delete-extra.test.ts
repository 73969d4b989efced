import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PointId } from '@holdfast/engine';
import { expect, onTestFinished, test } from 'vitest';
import { CliUnderTest } from '../cli-under-test.ts';

/** A restored point in a directory, with strangers in it. */
async function invaded() {
  const cli = new CliUnderTest();
  const point = await cli.backUpThreeFiles();
  cli.executions.succeed();
  const above = await mkdtemp(join(tmpdir(), 'holdfast-'));
  onTestFinished(async () => rm(above, { recursive: true }));
  const directory = join(above, 'place');
  await cli.run('restore', point, '--to-directory', directory);
  await writeFile(join(above, 'outside.txt'), 'mine');
  await writeFile(join(directory, 'README_DECRYPT.txt'), 'pay');
  await mkdir(join(directory, 'photos/tools/deep'), { recursive: true });
  await writeFile(join(directory, 'photos/tools/deep/x'), 'evil');
  await symlink(above, join(directory, 'photos/link'));
  await writeFile(join(directory, 'photos/a.jpg'), 'encrypted');
  const command = [
    'restore',
    point,
    '--to-directory',
    directory,
    '--overwrite',
    'if-different',
    '--delete-extra',
  ];
  return { cli, point, above, directory, command };
}

test('shows what would go, asks, restores, and deletes exactly that: the place is as the point', async () => {
  const { cli, point, above, directory, command } = await invaded();
  cli.answer = 'yes';

  const { code, out, err } = await cli.run(...command);

  expect(out).toBe(`\
extra: 5 entries in ${directory} that the point does not have, 7 B:
  README_DECRYPT.txt
  photos/link
  photos/tools/
  photos/tools/deep/
  photos/tools/deep/x
restored 3 files of point ${point} to ${directory}: 1 written (2.9 KiB), 2 the same already, 0 different and left, 0 failed
deleted 5 of 5 extra, 7 B
`);
  expect(err).toContain('delete them when everything is restored? [y/N] ');
  expect(code).toBe(0);
  expect((await readdir(directory, { recursive: true })).toSorted()).toEqual([
    'photos',
    'photos/a.jpg',
    'photos/b.jpg',
    'readme.txt',
  ]);
  expect(await readFile(join(above, 'outside.txt'), 'utf8')).toBe('mine');
  expect(await cli.json(...command)).toMatchObject({ same: 3, extra: { removed: 0, left: [] } });
});

test('deletes nothing outside of the paths that are restored', async () => {
  const { cli, directory, command } = await invaded();

  const { code, out } = await cli.run(...command, '--path', 'photos/', '--yes');

  expect(out).toContain('deleted 4 of 4 extra, 4 B\n');
  expect(code).toBe(0);
  expect((await readdir(directory)).toSorted()).toEqual(['README_DECRYPT.txt', 'photos', 'readme.txt']);
});

test.for([
  ['somebody says no', [], 'n', 1],
  ['it is a dry run', ['--dry-run'], undefined, 0],
  ['not everything could be restored', ['--yes'], 'damaged', 4],
] as const)('deletes nothing when %s', async ([, words, what, expected]) => {
  const { cli, directory, command } = await invaded();
  cli.answer = what;
  if (what === 'damaged') cli.store.decay('packs/', 40);

  const { code, out } = await cli.run(...command, ...words);

  expect(out).toContain('extra: 5 entries');
  expect(out).not.toContain('deleted');
  expect(code).toBe(expected);
  await lstat(join(directory, 'photos/tools/deep/x'));
});

test.for([
  [['--to-volumes', 'eu-west-1a'], 'holds files of'],
  [['--to-file', 'f', '--overwrite', 'always'], 'holds files of'],
  [['--to-bucket', 'b'], '--delete-extra goes with --overwrite if-different'],
  [['--to-directory', 'd'], '--delete-extra goes with --overwrite if-different'],
] as const)('is refused with %j', async ([words, message]) => {
  const { cli, point } = await invaded();

  const { code, err } = await cli.run('restore', point, '--delete-extra', ...words);

  expect(err).toContain(message);
  expect(code).toBe(2);
});

test('is refused for a point that lacks what the directory may have', async () => {
  const { cli, command } = await invaded();
  const pointId = '20261123T130000Z-00000000000000ee' as PointId;
  await cli.plantPoint({ pointId, unread: { carried: 0, missing: 2 } });

  const { code, err } = await cli.run('restore', pointId, ...command.slice(2), '--yes');

  expect(err).toContain(
    'lacks 2 entries that could not be read, which --delete-extra would delete from the place',
  );
  expect(code).toBe(2);
});
