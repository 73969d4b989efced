import { describe, expect, test } from 'vitest';
import type { EncodedPage, PageRef } from '../../src/manifest/page-store.ts';
import { checkPack } from '../../src/packs/check-pack.ts';
import { pageName } from '../../src/packs/object-names.ts';
import { PagePackWriter } from '../../src/packs/page-pack-writer.ts';
import { FaultPlan, withFaults } from '../../src/testing/index.ts';
import { createPageSource, makeContents, makeTestVault, type TestVault } from './test-vault.ts';

const packTargetBytes = 100_000;

function encoded({ vault }: TestVault, bytes: Uint8Array): EncodedPage {
  return { pageId: vault.pageId(bytes), level: 0, bytes };
}

function refTo(page: EncodedPage, location: PageRef['location']): PageRef {
  return { pageId: page.pageId, level: 0, lastKey: new Uint8Array(0), entries: 1, summary: 0, location };
}

async function writePages(vault: TestVault, contents: readonly Buffer[]) {
  const writer = await PagePackWriter.open({ ...vault, packTargetBytes });
  const refs: PageRef[] = [];
  for (const content of contents) {
    const page = encoded(vault, content);
    refs.push(refTo(page, await writer.add(() => page)));
  }
  return { refs, packs: await writer.finish() };
}

describe('a page pack writer', () => {
  test('stores pages in packs that are live, locked and whole', async () => {
    const vault = await makeTestVault();

    const { packs } = await writePages(vault, makeContents('pages', 60));

    expect(packs.length).toBeGreaterThan(2);
    const rows = await vault.catalog.packs.findAll(packs.map(({ packId }) => packId));
    for (const { packId, name, bytes } of packs) {
      expect(name).toBe(pageName(packId));
      expect(bytes).toBeLessThan(packTargetBytes + 50_000);
      expect(rows.get(packId)).toMatchObject({
        state: 'live',
        kind: 'pages',
        lockedUntil: vault.lease.leaseUntil,
      });
      expect((await checkPack(vault.store, vault.vault, { packId, name }, 'pages')).damage).toEqual([]);
    }
    expect(vault.chunkIndex.size).toBe(0);
  });

  test('has stored every earlier pack when it opens one, and encodes each page once', async () => {
    const vault = await makeTestVault();
    const writer = await PagePackWriter.open({ ...vault, packTargetBytes });
    const opened: { packId: string }[] = [];
    let calls = 0;

    for (const content of makeContents('order', 40)) {
      await writer.add((pack) => {
        calls++;
        if (!opened.includes(pack)) {
          expect(vault.store.requests('put') - 3).toBe(opened.length);
          opened.push(pack);
        }
        return encoded(vault, content);
      });
    }

    expect(calls).toBe(40);
    expect((await writer.finish()).map(({ packId }) => packId)).toEqual(opened.map(({ packId }) => packId));
  });

  test('answers without a promise while nothing has to be waited for', async () => {
    const vault = await makeTestVault();
    const writer = await PagePackWriter.open({ ...vault, packTargetBytes });

    expect(writer.add(() => encoded(vault, Buffer.from('page')))).not.toBeInstanceOf(Promise);
  });

  test('puts overlapping calls in order', async () => {
    const vault = await makeTestVault();
    const writer = await PagePackWriter.open({ ...vault, packTargetBytes });
    const pages = makeContents('overlap', 40).map((content) => encoded(vault, content));

    const locations = await Promise.all(pages.map(async (page) => writer.add(() => page)));
    const packs = await writer.finish();

    const source = createPageSource(vault.store, vault.vault, packs);
    for (const [index, page] of pages.entries()) {
      expect(Buffer.from(await source.read(refTo(page, locations[index]!))).equals(page.bytes)).toBe(true);
    }
  });

  test('changes the id in its references when an upload is repeated under another name', async () => {
    const vault = await makeTestVault();
    const plan = new FaultPlan([{ kind: 'fail-after', call: 1, method: 'put', times: 2 }]);
    const writer = await PagePackWriter.open({ ...vault, store: withFaults(vault.store, plan) });
    const page = encoded(vault, Buffer.from('page'));
    const location = await writer.add(() => page);
    const before = location.pack.packId;

    const [pack] = await writer.finish();

    expect(location.pack.packId).toBe(pack?.packId);
    expect(location.pack.packId).not.toBe(before);
    const source = createPageSource(vault.store, vault.vault, []);
    expect(Buffer.from(await source.read(refTo(page, location))).equals(page.bytes)).toBe(true);
  });

  test('fails for good when a pack cannot be stored', async () => {
    const vault = await makeTestVault();
    const plan = new FaultPlan([{ kind: 'throttle', call: 1, method: 'put', times: 1000 }]);
    const writer = await PagePackWriter.open({ ...vault, store: withFaults(vault.store, plan) });
    await writer.add(() => encoded(vault, Buffer.from('page')));

    await expect(writer.finish()).rejects.toMatchObject({ name: 'StoreUnavailableError' });
    await expect(async () => writer.add(() => encoded(vault, Buffer.from('more')))).rejects.toMatchObject({
      name: 'StoreUnavailableError',
    });
  });

  test('stores nothing when there is nothing', async () => {
    expect((await writePages(await makeTestVault(), [])).packs).toEqual([]);
  });
});

describe('a page source', () => {
  test('gives back every page, in any order', async () => {
    const vault = await makeTestVault();
    const contents = makeContents('source', 50);
    const { refs, packs } = await writePages(vault, contents);

    for (const order of [refs, refs.toReversed(), refs.toSorted((a, b) => (a.pageId < b.pageId ? -1 : 1))]) {
      const source = createPageSource(vault.store, vault.vault, packs);
      const read = new Map(
        await Promise.all(order.map(async (ref) => [ref, await source.read(ref)] as const)),
      );
      expect(refs.map((ref) => Buffer.from(read.get(ref)!))).toEqual(contents);
    }
  });

  test('needs far fewer requests than pages when they are read in order', async () => {
    const vault = await makeTestVault();
    const { refs, packs } = await writePages(vault, makeContents('requests', 200, 3_000));
    vault.store.resetCounters();
    const source = createPageSource(vault.store, vault.vault, packs);

    for (const ref of refs) await source.read(ref);

    expect(vault.store.requests('get')).toBeLessThanOrEqual(3 * packs.length);
    expect(vault.store.bytesFetched).toBeLessThan(1.2 * packs.reduce((sum, { bytes }) => sum + bytes, 0));
  });

  test('shares one request among readers of one page', async () => {
    const vault = await makeTestVault();
    const { refs, packs } = await writePages(vault, makeContents('shared', 3));
    const source = createPageSource(vault.store, vault.vault, packs);
    vault.store.resetCounters();

    await Promise.all(Array.from({ length: 20 }, async () => source.read(refs[1]!)));
    await source.read(refs[1]!);

    expect(vault.store.requests('get')).toBe(1);
  });

  test('keeps no more than it may', async () => {
    const vault = await makeTestVault();
    const contents = makeContents('bounded', 30);
    const { refs } = await writePages(vault, contents);
    const bounds = { pageCacheBytes: 1, stretchCacheBytes: 1, firstStretchBytes: 1, maxStretchBytes: 1 };
    const source = createPageSource(vault.store, vault.vault, [], bounds);
    vault.store.resetCounters();

    for (const round of [1, 2]) {
      for (const [index, ref] of refs.entries()) {
        expect(Buffer.from(await source.read(ref)).equals(contents[index]!)).toBe(true);
      }
      expect(vault.store.requests('get')).toBe(round * refs.length);
    }
  });

  test('keeps no stretch of a pack beyond its bound because it is the newest of its pack', async () => {
    const vault = await makeTestVault();
    const { refs, packs } = await writePages(vault, makeContents('newest', 60));
    const stretchBytes = 64 * 1024;
    const source = createPageSource(vault.store, vault.vault, packs, {
      pageCacheBytes: 1,
      stretchCacheBytes: 2 * stretchBytes,
      firstStretchBytes: stretchBytes,
      maxStretchBytes: stretchBytes,
    });
    const firsts = packs.map(({ packId }) => refs.find(({ location }) => location.pack.packId === packId)!);
    vault.store.resetCounters();

    for (const first of [...firsts, ...firsts]) await source.read(first);

    expect(firsts.length).toBeGreaterThan(4);
    expect(vault.store.requests('get')).toBe(2 * firsts.length);
  });

  test('reads again after a failure that passed', async () => {
    const vault = await makeTestVault();
    const { refs, packs } = await writePages(vault, makeContents('retry', 3));
    const plan = new FaultPlan([{ kind: 'throttle', call: 1, method: 'get' }]);
    const source = createPageSource(withFaults(vault.store, plan), vault.vault, packs);

    await expect(source.read(refs[0]!)).rejects.toMatchObject({ name: 'StoreUnavailableError' });
    expect((await source.read(refs[0]!)).length).toBeGreaterThan(0);
  });

  test('does not let one reader’s abort end another’s read', async () => {
    const vault = await makeTestVault();
    const { refs, packs } = await writePages(vault, makeContents('abort', 3));
    const source = createPageSource(vault.store, vault.vault, packs);
    const controller = new AbortController();

    const first = source.read(refs[0]!, controller.signal);
    const second = source.read(refs[0]!);
    controller.abort();

    await expect(first).rejects.toMatchObject({ name: 'AbortError' });
    expect((await second).length).toBeGreaterThan(0);
  });

  test('refuses a page that is another than its reference says', async () => {
    const vault = await makeTestVault();
    const { refs, packs } = await writePages(vault, makeContents('wrong', 3));
    const [first, second] = refs as [PageRef, PageRef];
    const source = createPageSource(vault.store, vault.vault, packs);

    for (const wrong of [
      { ...first, pageId: second.pageId },
      { ...first, location: { ...first.location, frame: 1 } },
      { ...first, location: { ...first.location, length: 2 ** 40 } },
      { ...first, location: { ...first.location, offset: 2 ** 40 } },
    ]) {
      await expect(source.read(wrong)).rejects.toMatchObject({ name: 'StoredBytesDamagedError' });
    }
    expect((await source.read(first)).length).toBeGreaterThan(0);
  });

  test('takes the version that authenticates', async () => {
    const vault = await makeTestVault();
    const { refs, packs } = await writePages(vault, makeContents('versions', 3));
    const [pack] = packs;
    const version = vault.store.plantVersion(pack!.name, Buffer.alloc(pack!.bytes));

    for (const hint of [version, 'of-another-bucket']) {
      const source = createPageSource(vault.store, vault.vault, [{ ...pack!, versionId: hint }]);
      expect((await source.read(refs[0]!)).length).toBeGreaterThan(0);
    }
  });
});
