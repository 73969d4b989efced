import { expect, test } from 'vitest';
import type { PackRow } from '../../src/ports/catalog/packs.ts';
import type { CommittedPoint } from '../../src/runs/commit-point.ts';
import { day, Harness } from './harness.ts';
import { expectConsistent, expectWhole } from './mostly-dead.ts';

const files = 300;

interface AgedPages {
  readonly harness: Harness;
  /** The page pack of the full that is used still. */
  readonly pages: PackRow;
  readonly next: CommittedPoint;
}

/** A full; the next day some files change; a month later the page packs have to be extended, and a point is made. */
async function aged(seed: string, changed: number): Promise<AgedPages> {
  const harness = new Harness(seed);
  const plant = (file: number): void => {
    harness.source.plant(`file ${String(file).padStart(3, '0')}`, harness.random.bytes(50));
  };
  for (let file = 0; file < files; file += 1) plant(file);
  const { root: full } = await harness.backUp('full');
  const rows = await harness.catalog.packs.findAll(full.pagePacks.map(({ pack }) => pack));
  const pages = [...rows.values()].sort((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0))[0] as PackRow;
  harness.clock.advance(day);
  for (let file = 0; file < changed; file += 1) plant(file);
  await harness.backUp('incremental');
  harness.clock.advance(30 * day);
  return { harness, pages, next: await harness.backUp('incremental') };
}

function lockOf({ harness, pages }: AgedPages): Date | undefined {
  return harness.catalog.packRows().find(({ packId }) => packId === pages.packId)?.lockUntil;
}

test('a page pack of which less than half is used is not extended: its pages are written anew', async () => {
  const made = await aged('dead pages', 220);
  const { harness, pages, next } = made;

  expect(next.root.pagePacks.map(({ pack }) => pack)).not.toContain(pages.packId);
  expect(lockOf(made)).toEqual(pages.lockUntil);
  expect(next.root.counts).toMatchObject({ filesChanged: 0, newBytes: 0 });
  await expectConsistent(harness, next);
  await expectWhole(harness, next);
});

test('a page pack of which more than half is used is extended', async () => {
  const made = await aged('live pages', 50);
  const { harness, pages, next } = made;

  expect(next.root.pagePacks.map(({ pack }) => pack)).toContain(pages.packId);
  expect(lockOf(made)?.getTime()).toBeGreaterThanOrEqual(Date.parse(next.root.expiresAt));
  await expectConsistent(harness, next);
  await expectWhole(harness, next);
});

test('page packs of which nothing is used are named no more once their leases have to be extended', async () => {
  const { harness, next } = await aged('unused pages', files);

  const reader = await harness.open(next.root.point);
  const needed = (await reader.manifest.listPagePacks()).union(await reader.packMap.listPagePacks());
  expect(new Set(next.root.pagePacks.map(({ pack }) => pack))).toEqual(needed);
});
