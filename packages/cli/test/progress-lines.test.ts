import { FakeClock } from '@holdfast/engine/testing';
import { expect, test } from 'vitest';
import { ProgressLines } from '../src/terminal/progress-lines.ts';

function watched(isTerminal: boolean) {
  const lines: string[] = [];
  const clock = new FakeClock('2026-11-23T12:00:00Z');
  const options = { isTerminal, isAskedFor: true };
  return { lines, clock, progress: new ProgressLines((line) => lines.push(line), clock, options) };
}

test('says files, bytes and percent, and from the second line on how long it may take', () => {
  const { lines, clock, progress } = watched(true);

  for (const files of [100, 150, 400]) {
    progress.report({ step: 'restore', files, filesTotal: 1000, bytes: files * 1024 });
    clock.advance(1500);
  }
  progress.report({ step: 'verify', files: 3, filesTotal: 3, bytes: 10 });
  clock.advance(2000);
  progress.report({ step: 'list', files: 3, bytes: 0, unit: 'object' });

  expect(lines).toEqual([
    'restore: 100 of 1,000 files, 100 KiB, 10 %\n',
    'restore: 400 of 1,000 files, 400 KiB, 40 %, about 6 s left\n',
    'list: 3 objects\n',
  ]);
});

test('of a volume says bytes, in a log every ten seconds, and begins anew with each', () => {
  const { lines, clock, progress } = watched(false);

  for (const bytes of [0, 1, 2, 8, 0, 4]) {
    progress.report({ step: 'restore', files: 0, bytes: bytes * 2 ** 30, bytesTotal: 8 * 2 ** 30 });
    clock.advance(6000);
  }

  expect(lines).toEqual([
    'restore: 0 B of 8.0 GiB, 0 %\n',
    'restore: 2.0 GiB of 8.0 GiB, 25 %, about 36 s left\n',
    'restore: 0 B of 8.0 GiB, 0 %\n',
  ]);
});
