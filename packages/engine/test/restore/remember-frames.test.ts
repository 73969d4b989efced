import { expect, test } from 'vitest';
import type { PackId } from '../../src/ids.ts';
import type { FrameLocation } from '../../src/packs/chunk-location.ts';
import type { ReadRun } from '../../src/restore/chunk-fetcher.ts';
import { planRuns } from '../../src/restore/plan-runs.ts';
import { rememberFrames } from '../../src/restore/remember-frames.ts';

const packId = 'ab'.repeat(16) as PackId;

function frame(number: number): FrameLocation {
  return { packId, frame: number, offset: 40 + 100 * number, length: 100, contentBytes: 200 };
}

function runOf(...numbers: readonly number[]) {
  const [run] = planRuns(numbers.map((number) => ({ location: { ...frame(number), start: 0 } })));
  if (run === undefined) throw new Error('no run');
  return run;
}

const read: ReadRun = async ({ frames }) => frames.map((one) => Buffer.alloc(one.contentBytes, one.frame));

test('a frame that was read lately is not read again, also while it is still being read', async () => {
  const asked: number[][] = [];
  const remembering = rememberFrames(async (run) => {
    asked.push(run.frames.map((one) => one.frame));
    return read(run);
  }, 1_000);

  const answers = await Promise.all([remembering(runOf(1, 2)), remembering(runOf(2)), remembering(runOf(1))]);

  expect(asked).toEqual([[1, 2]]);
  expect(answers.map((contents) => contents.map((content) => (content as Uint8Array)[0]))).toEqual([
    [1, 2],
    [2],
    [1],
  ]);
});

test('the frame that was not needed longest is forgotten', async () => {
  const asked: number[] = [];
  const remembering = rememberFrames(async (run) => {
    asked.push(...run.frames.map((one) => one.frame));
    return read(run);
  }, 400);

  for (const number of [1, 2, 1, 3, 1, 2]) await remembering(runOf(number));

  expect(asked).toEqual([1, 2, 3, 2]);
});

test('a failed read is tried again', async () => {
  let calls = 0;
  const remembering = rememberFrames(async (run) => {
    calls += 1;
    if (calls === 1) throw new Error('throttled');
    return read(run);
  }, 1_000);

  await expect(remembering(runOf(1))).rejects.toThrow('throttled');
  expect(await remembering(runOf(1))).toHaveLength(1);
});
