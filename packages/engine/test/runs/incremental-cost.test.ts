import { beforeAll, describe, expect, test } from 'vitest';
import { toHex } from '../../src/bytes.ts';
import { Harness, namesIn } from './harness.ts';

const files = 1_500;
const limits = { files: 250, bytes: 2 ** 30 };

/** A source of many files in a few folders, backed up in full. */
async function backedUp(): Promise<Harness> {
  const harness = new Harness('cost');
  for (let file = 0; file < files; file += 1) {
    const userMetadata = { note: toHex(harness.random.bytes(50)) };
    harness.source.plant(`folder ${file % 5}/${file}`, harness.random.bytes(60), { userMetadata });
  }
  await harness.backUp('full', { limits });
  harness.store.resetCounters();
  return harness;
}

describe('an incremental of a source that has not changed', () => {
  let harness: Harness;
  let before: string[];
  let after: string[];
  beforeAll(async () => {
    harness = await backedUp();
    before = await namesIn(harness.store);
    harness.store.resetCounters();
    await harness.backUp('incremental', { limits });
    after = await namesIn(harness.store);
  });

  test('stores its root, the entry on the audit log, and nothing else', () => {
    const added = after.filter((name) => !before.includes(name));

    expect(added.map((name) => name.split('/')[0])).toEqual(['audit', 'points']);
  });

  test('reads no content of the source', () => {
    expect(harness.source.opened).toHaveLength(files);
  });

  test('moves no lock of a pack', () => {
    expect(harness.store.requests('extendLock')).toBe(0);
  });

  test('names the trees of its base', async () => {
    const [base, point] = await harness.committed();

    expect(point?.manifest).toBe(base?.manifest);
    expect(point?.packMap).toBe(base?.packMap);
    expect(point?.pagePacks).toEqual(base?.pagePacks);
    expect(point?.counts).toMatchObject({
      files,
      filesChanged: 0,
      filesRemoved: 0,
      readBytes: 0,
      storedBytes: 0,
    });
  });
});

describe('an incremental after a change to one file', () => {
  test('costs a few pages, whatever the size of the source', async () => {
    const harness = await backedUp();
    harness.source.plant('folder 3/1003', 'changed');
    const before = await namesIn(harness.store);
    harness.store.resetCounters();

    const { root } = await harness.backUp('incremental', { limits });

    const added = (await namesIn(harness.store)).filter((name) => !before.includes(name));
    const full = (await harness.committed())[0];
    expect(added.filter((name) => name.startsWith('packs/'))).toHaveLength(1);
    // One by the worker, one each for the joined manifest and the pack map.
    expect(added.filter((name) => name.startsWith('pages/')).length).toBeLessThanOrEqual(3);
    expect(root.counts).toMatchObject({ files, filesChanged: 1, readBytes: 7, newBytes: 7 });
    expect(root.counts.storedBytes).toBeLessThan((full?.counts.storedBytes ?? 0) / 5);
    expect(harness.store.requests('put')).toBe(added.length);
    expect(harness.store.requests('extendLock')).toBe(0);
  });

  test('finds a content that the vault has, under another name', async () => {
    const harness = await backedUp();
    const state = await harness.snapshotOfSource();
    const some = [...state.values()][17];
    harness.source.plant('a copy', some?.content);
    harness.store.resetCounters();

    const { root } = await harness.backUp('incremental', { limits });

    expect(root.counts).toMatchObject({ filesChanged: 1, readBytes: 60, newBytes: 0 });
  });
});

test('a full reads everything and stores nothing that the vault has', async () => {
  const harness = await backedUp();
  const packs = await namesIn(harness.store, 'packs/');

  const { root } = await harness.backUp('full', { limits });

  expect(root.counts).toMatchObject({ files, filesChanged: files, readBytes: files * 60, newBytes: 0 });
  expect(await namesIn(harness.store, 'packs/')).toEqual(packs);
});

test('an isolated full shares no pack with earlier points', async () => {
  const harness = await backedUp();
  const packs = new Set(await namesIn(harness.store));

  const { root } = await harness.backUp('full', { limits, isolated: true });

  const used = [...(await harness.locksOf(root)).keys()].filter((name) => /^(packs|pages)\//.test(name));
  expect(used.filter((name) => packs.has(name))).toEqual([]);
  expect(root.counts.newBytes).toBe(files * 60);
});
