import { describe, expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../src/bytes.ts';
import { SourceEntryError, SourceUnavailableError } from '../../src/errors.ts';
import type { PointId } from '../../src/ids.ts';
import { decodeFileEntry, type FileEntry } from '../../src/manifest/file-entry.ts';
import { entryKey } from '../../src/manifest/tuple-key.ts';
import type { FileSource, OpenedEntry } from '../../src/ports/file-source.ts';
import type { OpenTrap } from '../../src/testing/index.ts';
import { countReferences, describeState, Harness, minute, packMapOf } from '../runs/harness.ts';

async function findFile(harness: Harness, point: PointId, path: string): Promise<FileEntry | undefined> {
  const entry = await (await harness.open(point)).manifest.find(entryKey(utf8(path)));
  return entry && decodeFileEntry(entry, 'a test');
}

async function contentIn(harness: Harness, point: PointId, path: string): Promise<string | undefined> {
  const found = (await harness.restore(point)).state.get(toHex(utf8(path)));
  return found && Buffer.from(found.content).toString();
}

async function expectPackMapCounted(harness: Harness, point: PointId): Promise<void> {
  const reader = await harness.open(point);
  const mapped = (await packMapOf(reader)).map(
    ({ packId, references, liveBytes }) => [packId, { references, liveBytes }] as const,
  );
  expect(new Map(mapped)).toEqual(await countReferences(reader));
}

/** A source some of whose calls are replaced. */
function changed(source: FileSource, change: Partial<FileSource>): FileSource {
  return {
    list: (range, signal) => source.list(range, signal),
    open: async (entry, range, signal) => source.open(entry, range, signal),
    ...(source.getTags && { getTags: async (entry, signal) => source.getTags?.(entry, signal) ?? {} }),
    now: async () => source.now(),
    ...change,
  };
}

const sizes = { small: 500, large: 9_000_000 } as const;

describe.each(Object.entries(sizes))(
  'a %s file that goes wrong between its listing and its reading',
  (_, bytes) => {
    const old = 'o'.repeat(bytes);
    const current = 'n'.repeat(bytes);

    /** A point with the old content, then a run that meets the trap on the way to the new one. */
    async function spring(trap: OpenTrap): Promise<{ harness: Harness; first: PointId; second: PointId }> {
      const harness = new Harness(trap);
      harness.source.plant('before', '1');
      harness.source.plant('file', old);
      harness.source.plant('later', '2');
      const first = await harness.backUp('full');
      harness.clock.advance(minute);
      harness.source.plant('file', current);
      harness.source.trap('file', trap);
      const second = await harness.backUp('incremental');
      await expectPackMapCounted(harness, second.root.point);
      return { harness, first: first.root.point, second: second.root.point };
    }

    test('is left out with a warning when it vanished', async () => {
      const { harness, second } = await spring('vanish');

      const { root } = await harness.open(second);
      expect(root).toMatchObject({ warnings: 1, warningList: [{ path: 'file', reason: 'vanished' }] });
      expect(root.counts).toMatchObject({ files: 2, filesRemoved: 1, logicalBytes: 2 });
      expect((await harness.catalog.runs.find(root.run))?.state).toBe('completed-with-warnings');
      expect(await contentIn(harness, second, 'file')).toBeUndefined();
    });

    test('is read as it is by then when it changed once', async () => {
      const { harness, second } = await spring('change');

      const { root } = await harness.open(second);
      expect(root.warnings).toBe(0);
      expect(root.counts.logicalBytes).toBe(bytes + 3);
      expect(await contentIn(harness, second, 'file')).toBe(`${current}!`);
    });

    test.each(['deny', 'break-midway'] as const)(
      'is carried from the base on %s, and read again by the next run',
      async (trap) => {
        const { harness, first, second } = await spring(trap);
        const reason = trap === 'deny' ? 'denied' : 'unreadable';

        const { root } = await harness.open(second);
        expect(root).toMatchObject({ warnings: 1, warningList: [{ path: 'file', reason }] });
        expect(root.counts).toMatchObject({ files: 3, logicalBytes: bytes + 2 });
        expect(await contentIn(harness, second, 'file')).toBe(old);
        expect(await findFile(harness, second, 'file')).toMatchObject({ carriedFrom: first, mustRead: true });
        expect((await harness.restore(second)).outcome.carried).toEqual([{ path: 'file', from: first }]);

        const third = await harness.backUp('incremental');
        expect(await findFile(harness, third.root.point, 'file')).toMatchObject({
          carriedFrom: first,
          mustRead: true,
        });

        harness.source.untrap('file');
        const fourth = await harness.backUp('incremental');
        expect(fourth.root).toMatchObject({ warnings: 0, counts: { filesChanged: 1 } });
        expect(await findFile(harness, fourth.root.point, 'file')).not.toHaveProperty('carriedFrom');
        expect(describeState((await harness.restore(fourth.root.point)).state)).toEqual(
          describeState(await harness.snapshotOfSource()),
        );
      },
    );

    test.each(['deny', 'break-midway'] as const)('is left out on %s when there is no base', async (trap) => {
      const harness = new Harness(trap);
      harness.source.plant('file', current);
      harness.source.plant('other', '1');
      harness.source.trap('file', trap);

      const { root } = await harness.backUp('full');

      expect(root).toMatchObject({ warnings: 1, counts: { files: 1, logicalBytes: 1 } });
      expect(await contentIn(harness, root.point, 'file')).toBeUndefined();
      harness.source.untrap('file');
      const next = await harness.backUp('incremental');
      expect(await contentIn(harness, next.root.point, 'file')).toBe(current);
    });

    test('is carried when it gives other bytes than its listing promised', async () => {
      const harness = new Harness('short');
      harness.source.plant('file', old);
      harness.source.plant('other', '1');
      await harness.backUp('full');
      harness.source.plant('file', current);
      const short = changed(harness.source, {
        open: async (entry, range): Promise<OpenedEntry> => {
          const opened = await harness.source.open(entry, range);
          return { entry: opened.entry, content: firstPieces(opened.content) };
        },
      });

      const { root } = await harness.backUp('incremental', { source: short });

      expect(root).toMatchObject({ warnings: 1, warningList: [{ path: 'file', reason: 'changed' }] });
      expect(await contentIn(harness, root.point, 'file')).toBe(old);
    });
  },
);

async function* firstPieces(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of content) {
    yield piece.subarray(0, piece.length - 1);
    return;
  }
}

test('a file that changes whenever it is looked at is carried', async () => {
  const harness = new Harness('restless');
  harness.source.plant('file', 'settled');
  harness.source.plant('other', '1');
  harness.clock.advance(minute);
  await harness.backUp('full');
  harness.source.plant('file', 'restless');
  const restless = changed(harness.source, {
    open: async (entry) => {
      throw new SourceEntryError(
        'changed',
        Buffer.from(entry.path).toString(),
        'changed since it was listed',
      );
    },
  });

  const { root } = await harness.backUp('incremental', { source: restless });

  expect(root).toMatchObject({ warnings: 1, warningList: [{ path: 'file', reason: 'changed' }] });
  expect(await contentIn(harness, root.point, 'file')).toBe('settled');
});

test('a file that vanishes while its tags are asked for is left out', async () => {
  const harness = new Harness('tags');
  harness.source.plant('file', 'content');
  harness.source.plant('other', 'content');
  await harness.backUp('full');
  const vanishing = changed(harness.source, {
    getTags: async (entry) => {
      harness.source.remove('file');
      return harness.source.getTags(entry);
    },
  });

  const { root } = await harness.backUp('incremental', { source: vanishing });

  expect(root).toMatchObject({
    warnings: 1,
    warningList: [{ path: 'file', reason: 'vanished' }],
    counts: { files: 1 },
  });
  expect(
    [...(await harness.restore(root.point)).state.keys()].map((path) => fromHex(path).toString()),
  ).toEqual(['other']);
  await expectPackMapCounted(harness, root.point);
});

async function retag(readTags: boolean): Promise<{ harness: Harness; point: PointId; read: number }> {
  const harness = new Harness('retag');
  const entry = harness.source.plant('file', 'content', { tags: { colour: 'red' } });
  await harness.backUp('full');
  harness.source.plant('file', 'content', { ...entry, tags: { colour: 'blue' } });
  const { root } = await harness.backUp('incremental', { readTags });
  return { harness, point: root.point, read: root.counts.readBytes };
}

describe('a change of tags alone', () => {
  test('is taken up without reading the content', async () => {
    const { harness, point, read } = await retag(true);

    expect((await findFile(harness, point, 'file'))?.entry.tags).toEqual({ colour: 'blue' });
    expect(read).toBe(0);
  });

  test('is not looked for when the plan says so', async () => {
    const { harness, point } = await retag(false);

    expect((await findFile(harness, point, 'file'))?.entry.tags).toEqual({ colour: 'red' });
  });
});

/** A file modified so many milliseconds before the run's source time. */
async function openings(agoMs: number): Promise<number> {
  const harness = new Harness('racy');
  const sourceTime = harness.clock.now().getTime() + minute;
  harness.source.plant('file', 'content', { modifiedMs: sourceTime - agoMs });
  await harness.backUp('full');
  await harness.backUp('incremental');
  await harness.backUp('incremental');
  return harness.source.opened.length;
}

describe('a time stamp too close to the time of the run', () => {
  test.each([2_999, 0, -1_000])('has the next run read the file once more (%i ms)', async (agoMs) => {
    expect(await openings(agoMs)).toBe(2);
  });

  test.each([3_000, 60_000])('is no such once it has settled (%i ms)', async (agoMs) => {
    expect(await openings(agoMs)).toBe(1);
  });
});

describe('a source that breaks totally', () => {
  test('fails the run and frees the resource', async () => {
    const harness = new Harness('broken');
    harness.source.plant('file', 'content');
    const source = changed(harness.source, {
      open: async () => Promise.reject(new SourceUnavailableError('the bucket is gone')),
    });
    const runId = harness.request('full').runId;

    await expect(harness.backUp('full', { source, runId })).rejects.toThrow(SourceUnavailableError);

    const run = await harness.catalog.runs.find(runId);
    expect(run).toMatchObject({
      state: 'failed',
      error: { name: 'SourceUnavailableError', message: 'the bucket is gone' },
    });
    expect(await harness.committed()).toEqual([]);
    const next = await harness.backUp('full');
    expect(next.state).toBe('completed');
  });

  test('never passes for a source without files', async () => {
    const harness = new Harness('broken list');
    for (let file = 0; file < 10; file += 1) harness.source.plant(`file ${file}`, 'content');
    await harness.backUp('full');
    const source = changed(harness.source, {
      list: async function* (range, signal) {
        let listed = 0;
        for await (const entry of harness.source.list(range, signal)) {
          if (++listed > 5) throw new SourceUnavailableError('the listing broke off');
          yield entry;
        }
      },
    });

    await expect(harness.backUp('incremental', { source })).rejects.toThrow(SourceUnavailableError);

    expect(await harness.committed()).toHaveLength(1);
  });
});
