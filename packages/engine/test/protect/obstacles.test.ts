import { expect, test } from 'vitest';
import { toHex, utf8 } from '../../src/bytes.ts';
import { SourceEntryError } from '../../src/errors.ts';
import type { PointId } from '../../src/ids.ts';
import { decodeFileEntry } from '../../src/manifest/file-entry.ts';
import { entryKey } from '../../src/manifest/tuple-key.ts';
import type { FileSource, SourceEntry } from '../../src/ports/file-source.ts';
import { countReferences, describeState, Harness, minute, packMapOf } from '../runs/harness.ts';

const isBehind = (path: Uint8Array): boolean => Buffer.from(path).toString().startsWith('closed/');

/** The harness's source, of which nothing below `closed/` can be listed. */
function withObstacle({ source }: Harness): FileSource {
  return {
    async *list(range, signal): AsyncGenerator<SourceEntry> {
      for await (const entry of source.list(range, signal)) if (!isBehind(entry.path)) yield entry;
    },
    open: async (entry, range, signal) => source.open(entry, range, signal),
    now: async () => source.now(),
    findObstacle: (path) =>
      isBehind(path) ? new SourceEntryError('denied', 'closed/', 'may not be read by this user') : undefined,
  };
}

async function withFiles(seed: string): Promise<Harness> {
  const harness = new Harness(seed);
  for (const path of ['a', 'closed/1', 'closed/2', 'closed/deep/3', 'gone', 'z'])
    harness.source.plant(path, `content of ${path}`);
  harness.clock.advance(minute);
  return harness;
}

async function carriedFrom(harness: Harness, point: PointId, path: string): Promise<string | undefined> {
  const entry = await (await harness.open(point)).manifest.find(entryKey(utf8(path)));
  return entry && decodeFileEntry(entry, 'a test').carriedFrom;
}

test('what the listing could not show is carried from the base, and what is gone is not', async () => {
  const harness = await withFiles('carried');
  const { root: full } = await harness.backUp('full');
  const before = (await harness.restore(full.point)).state;
  harness.source.remove('gone');

  const { root, state } = await harness.backUp('incremental', { source: withObstacle(harness) });

  const restored = (await harness.restore(root.point)).state;
  const expected = new Map(before);
  expected.delete(toHex(utf8('gone')));
  expect(describeState(restored)).toEqual(describeState(expected));
  expect(await carriedFrom(harness, root.point, 'closed/deep/3')).toBe(full.point);
  expect(await carriedFrom(harness, root.point, 'a')).toBeUndefined();
  expect(root.counts).toMatchObject({ files: 5, filesRemoved: 1, readBytes: 0 });
  expect(root.unread).toEqual({ carried: 3, missing: 0 });
  expect(state).toBe('degraded');
  const reader = await harness.open(root.point);
  const mapped = (await packMapOf(reader)).map(
    ({ packId, references, liveBytes }) => [packId, { references, liveBytes }] as const,
  );
  expect(new Map(mapped)).toEqual(await countReferences(reader));
});

test('what was carried says from where for as long as it is, and is read once the obstacle is gone', async () => {
  const harness = await withFiles('again');
  const { root: full } = await harness.backUp('full');
  await harness.backUp('incremental', { source: withObstacle(harness) });
  const { root: second } = await harness.backUp('incremental', { source: withObstacle(harness) });
  harness.source.plant('closed/2', 'another content');
  harness.source.remove('closed/1');
  harness.clock.advance(minute);

  const { root: read } = await harness.backUp('incremental');

  expect(await carriedFrom(harness, second.point, 'closed/2')).toBe(full.point);
  expect(await carriedFrom(harness, read.point, 'closed/2')).toBeUndefined();
  expect([second.unread, read.unread]).toEqual([
    { carried: 3, missing: 0 },
    { carried: 0, missing: 0 },
  ]);
  expect(describeState((await harness.restore(read.point)).state)).toEqual(
    describeState(await harness.snapshotOfSource()),
  );
});

test('a full has nothing to carry from', async () => {
  const harness = await withFiles('full');
  await harness.backUp('full');

  const { root } = await harness.backUp('full', { source: withObstacle(harness) });

  expect(root.counts.files).toBe(3);
});

test('what lies in damaged packs is not carried, and each such path is a warning', async () => {
  const harness = await withFiles('damaged');
  await harness.backUp('full');
  for (const { packId, kind } of harness.catalog.packRows())
    if (kind === 'chunks') await harness.catalog.packs.markDamaged(packId);
  harness.clock.advance(minute);

  const { root, state } = await harness.backUp('incremental', { source: withObstacle(harness) });

  expect(state).toBe('degraded');
  expect(root.unread).toEqual({ carried: 0, missing: 3 });
  expect(root.counts.files).toBe(3);
  expect(root.warningList.map(({ path, reason }) => `${path} ${reason}`)).toEqual([
    'closed/1 denied',
    'closed/2 denied',
    'closed/deep/3 denied',
  ]);
  expect(root.warningList[0]?.message).toMatch(/"closed\/" may not be read .*; this point does not have it/);
});
