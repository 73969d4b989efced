import { expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import { RunClosedError } from '../../src/errors.ts';
import type { RunId } from '../../src/ids.ts';
import type { FileSource, SourceEntry } from '../../src/ports/file-source.ts';
import { Harness, minute } from './harness.ts';

const files = 4_500;
/** All entries together take 45 minutes; a run that is not heard of for 30 counts as abandoned. */
const entryMs = (45 * minute) / files;

/** A source that lists slowly the first time, and tells what `onEntry` has to know. */
function slow({ source, clock }: Harness, onEntry: (listed: number) => Promise<void>): FileSource {
  let listed = 0;
  return {
    async *list(range, signal): AsyncGenerator<SourceEntry> {
      for await (const entry of source.list(range, signal)) {
        listed += 1;
        if (listed <= files) {
          clock.advance(entryMs);
          await onEntry(listed);
        }
        yield entry;
      }
    },
    open: async (entry, range, signal) => source.open(entry, range, signal),
    now: async () => source.now(),
  };
}

function withFiles(seed: string): Harness {
  const harness = new Harness(seed);
  for (let file = 0; file < files; file += 1) harness.source.plant(`file ${String(file).padStart(4, '0')}`);
  harness.clock.advance(minute);
  return harness;
}

test('a listing that takes longer than a silent run stays open keeps its run alive', async () => {
  const harness = withFiles('alive');
  const runId = newId<RunId>(harness.random);
  let silent = 0;
  const source = slow(harness, async () => {
    const run = await harness.catalog.runs.find(runId);
    if (run === undefined || run.aliveUntil <= harness.clock.now()) silent += 1;
  });

  const { root } = await harness.backUp('full', { runId, source });

  expect(silent).toBe(0);
  expect(root.counts.files).toBe(files);
});

test('a run that is cancelled during a listing stops before the listing is over', async () => {
  const harness = withFiles('cancelled');
  const runId = newId<RunId>(harness.random);
  let listed = 0;
  const source = slow(harness, async (count) => {
    listed = count;
    if (count === 1_500) await harness.catalog.runs.cancel(runId);
  });

  await expect(harness.backUp('full', { runId, source })).rejects.toThrow(RunClosedError);

  expect(listed).toBe(2_000);
  expect((await harness.catalog.runs.find(runId))?.state).toBe('cancelled');
});
