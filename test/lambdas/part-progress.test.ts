import { StoreUnavailableError } from '@holdfast/engine';
import { FakeClock, MemoryProgress } from '@holdfast/engine/testing';
import { beforeEach, expect, test, vi } from 'vitest';
import type { LogFields } from '../../lambdas/runtime/logger.ts';
import { followPart, noteTotal } from '../../lambdas/runtime/part-progress.ts';

const minuteMs = 60_000;

let clock: FakeClock;
let progress: MemoryProgress;
let lines: [string, LogFields?][];

beforeEach(() => {
  clock = new FakeClock();
  progress = new MemoryProgress();
  lines = [];
});

function follow() {
  return followPart({ progress, clock, log }, 'a', 0);
}

const log = {
  info: (...line: [string, LogFields?]) => void lines.push(line),
  warn: (...line: [string, LogFields?]) => void lines.push(line),
};

test('reports ten seconds after a call began at the earliest, and then not more often', async () => {
  const report = vi.spyOn(progress, 'report');
  const part = follow();
  const reportedAt: number[] = [];

  for (let second = 0; second < 35; second++) {
    part.note({ files: second, bytes: second });
    if (report.mock.calls.length > reportedAt.length) reportedAt.push(second);
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    clock.advance(1000);
  }

  expect(reportedAt).toEqual([10, 20, 30]);
  expect(await progress.find('a')).toEqual({ files: 30, bytes: 30 });
});

test('says at the end of a call what it came to, and a call that is repeated from the beginning counts once', async () => {
  await follow().end({ files: 5, bytes: 50 }, minuteMs);
  const again = follow();
  clock.advance(20_000);
  again.note({ files: 1, bytes: 10 });
  await again.end({ files: 5, bytes: 50 }, minuteMs);

  expect(await progress.find('a')).toEqual({ files: 5, bytes: 50 });
});

test('does not begin a report while the last one has no answer', async () => {
  const report = vi.spyOn(progress, 'report').mockReturnValue(new Promise(() => {}));
  const part = follow();

  for (let minute = 0; minute < 5; minute++) {
    clock.advance(60_000);
    part.note({ files: 1, bytes: 1 });
  }

  expect(report).toHaveBeenCalledTimes(1);
});

test('a catalog that refuses ends nothing, and is one line in the log', async () => {
  progress.report = async () => Promise.reject(new StoreUnavailableError('throttled'));
  progress.noteTotal = async () => Promise.reject(new StoreUnavailableError('throttled'));
  const part = follow();

  clock.advance(20_000);
  part.note({ files: 1, bytes: 1 });
  await part.end({ files: 1, bytes: 1 }, minuteMs);
  await noteTotal({ catalog: { progress }, clock, log }, 'a', { files: 1 });

  expect(lines).toEqual([
    ['progress was not reported', { workId: 'a', part: 0, reason: 'throttled' }],
    ['the total of the work was not noted', { workId: 'a', reason: 'throttled' }],
  ]);
});

test.each([
  ['five seconds of a call', minuteMs, 5_000],
  ['none of the last second of a call', 3_000, 2_000],
  ['nothing of a call that ends anyway', 500, 0],
])('a catalog that hangs takes %s, and no more', async (_, timeLeftMs, waitedMs) => {
  vi.useFakeTimers();
  try {
    progress.report = async () => new Promise(() => {});
    const ended = follow().end({ files: 1, bytes: 1 }, timeLeftMs);
    await vi.advanceTimersByTimeAsync(waitedMs);

    await ended;
  } finally {
    vi.useRealTimers();
  }
  expect(lines).toHaveLength(1);
});
