import { expect } from 'vitest';
import type { PointId } from '../../src/ids.ts';
import { packName } from '../../src/packs/object-names.ts';
import type { PackRow } from '../../src/ports/catalog/packs.ts';
import type { CommittedPoint } from '../../src/runs/commit-point.ts';
import { verifyPoint } from '../../src/verify/verify-point.ts';
import { countReferences, day, describeState, Harness, packMapOf, type State } from './harness.ts';

/** A vault with an old pack that a run is about to have to extend. */
export interface MostlyDead {
  readonly harness: Harness;
  /** The pack that the first full filled. */
  readonly pack: PackRow;
  readonly full: CommittedPoint;
  /** The newest point. */
  readonly last: CommittedPoint;
  readonly states: ReadonlyMap<PointId, State>;
}

const files = 16;
const largeBytes = 1_500_000;

/** The paths whose content lies in the old pack to the end. */
export const oldPaths = ['file 12', 'file 13', 'file 14', 'file 15', 'large'];

/** Name of one of the small files. */
export function pathOf(file: number): string {
  return `file ${String(file).padStart(2, '0')}`;
}

/** Fills a pack with small files and one of several chunks. */
export async function fillPack(harness: Harness): Promise<{ full: CommittedPoint; pack: PackRow }> {
  for (let file = 0; file < files; file += 1)
    harness.source.plant(pathOf(file), harness.random.bytes(200_000));
  harness.source.plant('large', harness.random.bytes(largeBytes));
  const full = await harness.backUp('full');
  const pack = harness.catalog.packRows().find(({ kind }) => kind === 'chunks') as PackRow;
  return { full, pack };
}

/**
 * A full that fills a pack; the next day some of the small files and the end of the large one change; then it is later.
 * @param changed - how many of 16 files change: with 12 less than half of the pack is used, with 4 more.
 * @param days - until now; after 30 the pack's lease is too short for the next point.
 */
export async function withMostlyDeadPack(seed: string, changed = 12, days = 30): Promise<MostlyDead> {
  const harness = new Harness(seed);
  const { full, pack } = await fillPack(harness);
  const states = new Map([[full.root.point, await harness.snapshotOfSource()]]);
  harness.clock.advance(day);
  for (let file = 0; file < changed; file += 1)
    harness.source.plant(pathOf(file), harness.random.bytes(200_000));
  const large = (await harness.snapshotOfPath(Buffer.from('large')))?.content ?? new Uint8Array();
  harness.source.plant('large', Buffer.concat([large.subarray(0, -100), harness.random.bytes(100)]));
  const last = await harness.backUp('incremental');
  states.set(last.root.point, await harness.snapshotOfSource());
  harness.clock.advance(days * day);
  return { harness, full, last, states, pack };
}

/** The pack map is what one would count, everything is readable, and locked until the point expires. */
export async function expectConsistent(harness: Harness, { root }: CommittedPoint): Promise<void> {
  const reader = await harness.open(root.point);
  const mapped = (await packMapOf(reader)).map(
    ({ packId, references, liveBytes }) => [packId, { references, liveBytes }] as const,
  );
  expect(new Map(mapped)).toEqual(await countReferences(reader));
  for (const [name, until] of await harness.locksOf(root))
    expect(until.getTime(), name).toBeGreaterThanOrEqual(Date.parse(root.expiresAt));
  expect(await verifyPoint(reader)).toMatchObject({ damagedFileCount: 0, problems: [] });
}

/** The point restores to what the source is now. */
export async function expectWhole(harness: Harness, { root }: CommittedPoint): Promise<void> {
  const { state, outcome } = await harness.restore(root.point);
  expect(outcome.failed).toEqual([]);
  expect(describeState(state)).toEqual(describeState(await harness.snapshotOfSource()));
}

/** Has a pack lose all of its bytes, but not its lock. */
export async function damageFrames(harness: Harness, row: PackRow): Promise<void> {
  const name = packName(row.retentionClass, row.packId);
  const bytes = await harness.store.get(name);
  const now = harness.clock.now();
  harness.clock.set('2100-01-01T00:00:00Z');
  await harness.store.removeVersion(name, row.versionId ?? '');
  harness.clock.set(now);
  harness.store.plantVersion(name, new Uint8Array(bytes.length), {
    lock: { mode: 'governance', until: row.lockedUntil ?? now },
  });
}
