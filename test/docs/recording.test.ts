import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCli } from '@holdfast/cli';
import { systemClock } from '@holdfast/node';
import { expect, test } from 'vitest';
import { recordedCommands, typed } from '../../scripts/recorded-commands.ts';
import { terminalPicture } from '../../scripts/terminal-picture.ts';

const pictures = join(import.meta.dirname, '..', '..', 'docs', 'pictures');
const text = readFileSync(join(pictures, 'terminal.txt'), 'utf8');

/** Ends a command as soon as it would look at AWS. */
const connect = async () => Promise.reject(new Error('understood'));

test('the recording has the commands of its script: if not, run "npm run recording"', () => {
  const lines = [...text.matchAll(/^\$ (.*)$/gm)].map(([, line]) => line);

  expect(lines).toEqual(recordedCommands.map(typed));
});

test('the picture shows what the text says', () => {
  expect(terminalPicture(text)).toBe(readFileSync(join(pictures, 'terminal.svg'), 'utf8'));
});

test.for(recordedCommands.map((command) => [typed(command), command] as const))(
  'the program understands %s',
  async ([, { argv }]) => {
    let err = '';
    await runCli(argv, {
      out: async () => Promise.resolve(),
      err: (line) => void (err += line),
      errIsTerminal: false,
      env: {},
      clock: systemClock,
      signal: AbortSignal.timeout(60_000),
      version: '0.0.0',
      connect,
      connectStorage: connect,
    });

    expect(err).toContain('understood');
  },
);
