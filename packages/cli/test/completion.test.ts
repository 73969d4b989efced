import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ResourceArn } from '@holdfast/engine';
import { expect, onTestFinished, test, vi } from 'vitest';
import { namesFileOf } from '../src/terminal/known-names.ts';
import { CliUnderTest } from './cli-under-test.ts';

/** What a shell is offered for the last of these words. */
async function offers(...words: string[]): Promise<readonly string[]> {
  return offersOf(new CliUnderTest(), ...words);
}

async function offersOf(cli: CliUnderTest, ...words: string[]): Promise<readonly string[]> {
  const print = vi.spyOn(console, 'log').mockImplementation(() => {});
  const { code, out } = await cli.run('complete', '--', ...words);
  const lines = [...print.mock.calls.map(([line]) => String(line)), ...out.split('\n')];
  print.mockRestore();
  expect(code).toBe(0);
  return lines.filter((line) => line !== '').map((line) => line.split('\t')[0] ?? '');
}

/** The last line tells the shell what else it may offer. */
const nothingElse = ':4';
const directories = ':16';
const files = ':0';

test.for(['bash', 'zsh', 'fish'])('prints a script for %s that asks this program', async (shell) => {
  const print = vi.spyOn(console, 'log').mockImplementation(() => {});

  const { code } = await new CliUnderTest().run('completion', shell);

  expect(code).toBe(0);
  expect(print.mock.calls.flat().join('\n')).toContain('holdfast complete -- ');
  print.mockRestore();
});

test('refuses a shell that it does not know', async () => {
  expect(await new CliUnderTest().run('completion', 'tcsh')).toMatchObject({
    code: 2,
    err: expect.stringContaining('bash, fish'),
  });
});

test('offers commands, those of a group, options and what options choose from', async () => {
  expect(await offers('ver')).toEqual(['verify', 'version', nothingElse]);
  expect(await offers('hold', '')).toEqual(['set', 'release', 'list', nothingElse]);
  expect(await offers('hold', 'set', '--re')).toEqual([
    '--reason',
    '--region',
    '--restore-machine',
    nothingElse,
  ]);
  expect(await offers('restore', 'photos', '--overwrite', '')).toEqual([
    'never',
    'if-different',
    'always',
    nothingElse,
  ]);
});

test('leaves directories and files to the shell', async () => {
  expect(await offers('restore', 'photos', '--to-directory', './pho')).toEqual([directories]);
  expect(await offers('extract', 'copy', '--key-file', '')).toEqual([files]);
});

/** A command line that keeps names in a directory of its own. */
async function withNames(): Promise<{ readonly cli: CliUnderTest; readonly file: string }> {
  const home = await mkdtemp(path.join(tmpdir(), 'holdfast-names-'));
  onTestFinished(async () => rm(home, { recursive: true }));
  const cli = new CliUnderTest();
  cli.names = namesFileOf({ HOME: home });
  return { cli, file: path.join(home, '.cache', 'holdfast', 'names.json') };
}

test('offers the resources and points that were listed last, and asks nobody for them', async () => {
  const { cli } = await withNames();
  const point = await cli.backUpThreeFiles();
  await cli.plantResource({ arn: 'arn:aws:s3:::videos' as ResourceArn });
  await cli.run('status');
  await cli.run('points');
  const connected = cli.connected.length;

  expect(await offersOf(cli, 'restore', '')).toEqual(['photos', 'videos', point, nothingElse]);
  expect(await offersOf(cli, 'restore', '--overwrite', 'always', 'p')).toEqual(['photos', nothingElse]);
  expect(await offersOf(cli, 'verify', 'photos', 'v')).toEqual(['videos', nothingElse]);
  expect(await offersOf(cli, 'hold', 'set', 'v')).toEqual(['videos', nothingElse]);
  expect(await offersOf(cli, 'runs', '--resource', 'ph')).toEqual(['photos', nothingElse]);
  expect(await offersOf(cli, 'diff', point, '2')).toEqual([point, nothingElse]);
  expect(await offersOf(cli, 'quote', '--plan', 'p')).toEqual([nothingElse]);
  expect(cli.connected).toHaveLength(connected);
});

test('keeps names where only their owner reads them, and none that means more to a shell', async () => {
  const { cli, file } = await withNames();
  await cli.plantResource();
  await cli.plantResource({ arn: 'arn:aws:s3:::$(reboot)' as ResourceArn });
  await cli.plantResource({ arn: 'holdfast:directory:host:/srv/--yes' as ResourceArn });

  await cli.run('resources');

  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ resources: ['photos'], points: [] });
});

test('offers nothing, and fails nothing, where what was kept cannot be read or written', async () => {
  const { cli, file } = await withNames();
  await cli.plantResource();
  await cli.run('resources');
  await writeFile(file, 'half of a te');

  expect(await offersOf(cli, 'restore', '')).toEqual([nothingElse]);
  cli.names = namesFileOf({ XDG_CACHE_HOME: file });
  expect((await cli.run('resources')).code).toBe(0);
  cli.names = namesFileOf({}, () => {
    throw new Error('this user has no home');
  });
  expect((await cli.run('resources')).code).toBe(0);
  expect(await offersOf(cli, 'restore', '')).toEqual([nothingElse]);
});
