import { expect, test, vi } from 'vitest';
import { CliUnderTest } from './cli-under-test.ts';

/** What a shell is offered for the last of these words. */
async function offers(...words: string[]): Promise<readonly string[]> {
  const print = vi.spyOn(console, 'log').mockImplementation(() => {});
  const { code, out } = await new CliUnderTest().run('complete', '--', ...words);
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
