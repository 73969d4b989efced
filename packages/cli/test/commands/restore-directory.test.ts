import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { AccessDeniedError, type PointId, StoreUnavailableError, UnknownNameError } from '@holdfast/engine';
import { expect, onTestFinished, test } from 'vitest';
import { CliUnderTest, volumeArn } from '../cli-under-test.ts';

async function backedUp() {
  const cli = new CliUnderTest();
  const point = await cli.backUpThreeFiles();
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-'));
  onTestFinished(async () => rm(directory, { recursive: true }));
  cli.executions.succeed();
  return { cli, point, directory };
}

test('restores into a directory by itself, and a second time finds everything the same', async () => {
  const { cli, point, directory } = await backedUp();

  const first = await cli.run('restore', point, '--to-directory', directory);
  const second = await cli.run('restore', point, '--to-directory', directory, '--overwrite', 'if-different');

  expect(first.out).toBe(
    `restored 3 files of point ${point} to ${directory}: 3 written (3.0 KiB), 0 the same already, 0 different and left, 0 failed\n`,
  );
  expect(second.out).toContain('0 written (0 B), 3 the same already');
  expect(await readFile(join(directory, 'photos/a.jpg'), 'utf8')).toBe('x'.repeat(3000));
  expect([first.code, second.code]).toEqual([0, 0]);
});

test('leaves what a directory has already unless told otherwise', async () => {
  const { cli, point, directory } = await backedUp();
  await writeFile(join(directory, 'readme.txt'), 'mine');
  const only = ['--path', 'readme.txt'];

  const kept = await cli.json('restore', point, '--to-directory', directory, ...only);
  const after = await readFile(join(directory, 'readme.txt'), 'utf8');
  const told = await cli.run('restore', point, '--to-directory', directory, ...only);
  await cli.run('restore', point, '--to-directory', directory, ...only, '--overwrite', 'always');

  expect(kept).toMatchObject({ pointId: point, directory, files: 1, written: 0, kept: 1, failed: [] });
  expect(kept).toMatchObject({ keptFiles: ['readme.txt'] });
  expect(told.out).toContain('restored 0 files ');
  expect(told.out).toContain(`left as it was: readme.txt
1 entry of the target differs from the point, or cannot be told to be the same, and was left: to replace it, repeat the restore with --overwrite if-different
`);
  expect(after).toBe('mine');
  expect(await readFile(join(directory, 'readme.txt'), 'utf8')).toBe('hello');
});

test('has the restore machine record what it is going to do, and reads nothing of the vault before that is done', async () => {
  const { cli, point, directory } = await backedUp();
  const readsOf = (): number => cli.store.requests('get') + cli.store.requests('head');
  const before = readsOf();
  const readWhenLooked: number[] = [];
  cli.executions.onLook = async (execution, look) => {
    readWhenLooked.push(readsOf() - before);
    if (look === 3) cli.executions.end(execution, { status: 'succeeded' });
  };
  const here = relative(process.cwd(), directory);

  const done = await cli.json('restore', 'photos', '--to-directory', here, '--path', 'photos/');

  const [started, ...others] = cli.executions.started;
  expect(others).toEqual([]);
  expect(started).toMatchObject({ machine: 'restore', name: expect.stringMatching(/^restore-20261123T/) });
  expect(started?.input).toEqual({
    point,
    paths: ['photos/'],
    target: { directory: `${hostname()}:${directory}` },
  });
  expect(readWhenLooked).toEqual([0, 0, 0]);
  expect(readsOf()).toBeGreaterThan(before);
  expect(done).toMatchObject({
    execution: `arn:aws:states:eu-west-1:111122223333:execution:restore:${started?.name}`,
    written: 2,
  });
});

test.for([
  [new AccessDeniedError('starting the machine was refused'), 'starting the machine was refused'],
  [new UnknownNameError('stack HoldfastPipeline is not there'), 'stack HoldfastPipeline is not there'],
  [new StoreUnavailableError('no answer'), 'no answer'],
] as const)('restores nothing when that cannot be recorded: %s', async ([refusal, reason]) => {
  const { cli, point, directory } = await backedUp();
  cli.executions.refusal = refusal;
  cli.store.resetCounters();

  const { code, out, err } = await cli.run('restore', point, '--to-directory', directory);

  expect([code, out]).toEqual([1, '']);
  expect(err).toBe(
    `holdfast: restores are on the audit log, which the restore machine writes before this process reads anything, and it ` +
      `could not be started: ${reason}; with the bucket and its key alone, ` +
      `"holdfast extract s3://vault-bucket ${point} --to <directory>" restores\n`,
  );
  expect([cli.store.requests('get'), await readdir(directory)]).toEqual([0, []]);
});

test("restores nothing when the machine fails, and gives the machine's reason", async () => {
  const { cli, point, directory } = await backedUp();
  cli.executions.onLook = async (execution) =>
    cli.executions.end(execution, { status: 'failed', error: 'InvalidInputError', cause: 'not like this' });

  const { code, err } = await cli.run('restore', point, '--to-directory', directory);

  expect(code).toBe(1);
  expect(err).toMatch(/did not succeed: InvalidInputError: not like this; execution arn:\S+\n$/);
  expect(await readdir(directory)).toEqual([]);
});

test('a quote and a dry run for a directory are not recorded', async () => {
  const { cli, point, directory } = await backedUp();

  const quote = await cli.run('restore', point, '--to-directory', directory, '--quote');
  const dry = await cli.run('restore', point, '--to-directory', directory, '--dry-run');

  expect([quote.code, dry.code]).toEqual([0, 0]);
  expect(cli.executions.started).toEqual([]);
});

test.for([
  ['an image', 'restore it with --to-volumes'],
  ['a directory whose name the log does not take', 'longer than the audit log takes'],
] as const)('refuses %s before anything is started', async ([what, message]) => {
  const { cli, point, directory } = await backedUp();
  const image = '20261123T120000Z-00000000000000ee' as PointId;
  await cli.plantPoint({ pointId: image, resourceArn: volumeArn, resourceKind: 'ebs-volume' });
  const args =
    what === 'an image' ? [image, '--to-directory', directory] : [point, '--to-directory', 'd'.repeat(1024)];

  const { code, err } = await cli.run('restore', ...args);

  expect(code).toBe(2);
  expect(err).toContain(message);
  expect(cli.executions.started).toEqual([]);
});
