import { encode, rfc8949EncodeOptions } from 'cborg';
import { beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import { BackupError } from '../../src/errors.ts';
import type { PackId } from '../../src/ids.ts';
import type { VaultKeys } from '../../src/keys/vault-keys.ts';
import { decodePage, isLeaf } from '../../src/manifest/page-codec.ts';
import type { PageRef } from '../../src/manifest/page-store.ts';
import { pageName } from '../../src/packs/object-names.ts';
import { PackBuilder } from '../../src/packs/pack-builder.ts';
import { findPageRef, pageRefToText } from '../../src/points/page-ref-text.ts';
import { decodeRoot } from '../../src/points/root-store.ts';
import { pointRowOf, type Root } from '../../src/points/root.ts';
import { listEntries } from '../../src/restore/browse.ts';
import { PointReader } from '../../src/restore/point-reader.ts';
import { restoreRange } from '../../src/restore/restore-range.ts';
import { MemoryTarget, SeededRandom } from '../../src/testing/index.ts';
import { verifyPoint } from '../../src/verify/verify-point.ts';
import { withDamage } from '../damage/damaged-store.ts';
import { Harness } from '../runs/harness.ts';
import { fuzz } from './fuzzing.ts';
import { below } from './mutate.ts';
import { sealRoot } from './seal-root.ts';

const errors = ['StoredBytesDamagedError', 'FormatVersionError', 'ObjectNotFoundError', 'ChunkCorruptError'];

let harness: Harness;
let roots: Root[];
let keys: VaultKeys;
let random: SeededRandom;
beforeAll(async () => {
  harness = new Harness('hostile');
  for (let file = 0; file < 60; file += 1) harness.source.plant(`file ${file}`, `content ${file}`);
  roots = [(await harness.backUp('full', { limits: { files: 20, bytes: 2 ** 30 } })).root];
  harness.source.plant('file 7', 'changed');
  roots.push((await harness.backUp('incremental')).root);
  keys = await harness.keys();
  random = new SeededRandom('hostile');
});

/** Everything that is done with a point. Verification reports; the rest may give up, with an error of the right class. */
async function useAll(reader: PointReader): Promise<BackupError[]> {
  const complaints: BackupError[] = [];
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      complaints.push(error);
    }
  };
  const { damagedFiles, lostRanges } = await verifyPoint(reader);
  for (const { name } of [...damagedFiles, ...lostRanges]) expect(errors).toContain(name);
  await attempt(async () =>
    restoreRange(reader, { range: {}, target: new MemoryTarget(), overwrite: 'never' }),
  );
  await attempt(async () => Array.fromAsync(listEntries(reader, '', true)));
  return complaints;
}

describe.each(['manifest', 'packMap'] as const)(
  'a %s whose page a writer with the keys has forged',
  (tree) => {
    test('is read without harm', async () => {
      const pages: { bytes: Uint8Array; ref: PageRef; root: Root }[] = [];
      for (const root of roots) {
        const reader = await harness.open(root.point);
        const walk = async (ref: PageRef): Promise<void> => {
          const bytes = await reader.pages.read(ref);
          pages.push({ bytes, ref, root });
          const page = decodePage(bytes, ref.location.pack, 'a test');
          if (!isLeaf(page)) for (const child of page.children) await walk(child);
        };
        await walk(findPageRef(root[tree], root.point) as PageRef);
      }
      await fuzz({
        name: `forged page of a ${tree}`,
        corpus: pages.map(({ bytes }) => bytes),
        mutants: 80,
        errors,
        async parse(mutant, at) {
          const { ref, root } = pages[at] as (typeof pages)[number];
          const forged = await forgePage(mutant, ref);
          const store = withDamage(harness.store, new Map([[forged.name, forged.body]]));
          const pagePacks = [...root.pagePacks, forged.record];
          return useAll(
            new PointReader(store, keys, { ...root, [tree]: pageRefToText(forged.ref), pagePacks }),
          );
        },
      });
    });
  },
);

/** A page pack with one page of any content, and a reference to it that fits as well as can be. */
async function forgePage(
  bytes: Uint8Array,
  like: PageRef,
): Promise<{ name: string; body: Uint8Array; ref: PageRef; record: Root['pagePacks'][number] }> {
  const packId = newId<PackId>(random);
  const dataKey = await keys.currentDataKey();
  const slab = Buffer.alloc(bytes.length + 4_096);
  const builder = new PackBuilder({ kind: 'pages', vault: keys, dataKey, packId, slab });
  const pageId = keys.pageId(bytes);
  const location = {
    pack: builder.pack,
    ...builder.append('page', [{ id: pageId, plainBytes: bytes.length }], bytes),
  };
  builder.seal();
  const ref = { ...like, ...describePage(bytes, like), pageId, location };
  const record = {
    pack: packId,
    kind: 'pages',
    version: '',
    lockedUntil: '2100-01-01T00:00:00.000Z',
  } as const;
  return { name: pageName(packId), body: new Uint8Array(builder.body), ref, record };
}

function describePage(bytes: Uint8Array, like: PageRef): Partial<PageRef> {
  try {
    const page = decodePage(bytes, like.location.pack, 'a test');
    if (isLeaf(page))
      return { level: 0, entries: page.entries.length, lastKey: page.entries.at(-1)?.key ?? like.lastKey };
    const entries = page.children.reduce((sum, child) => sum + child.entries, 0);
    if (!Number.isSafeInteger(entries)) return {};
    const summary = Math.min(...page.children.map((child) => child.summary));
    return { level: page.level, entries, summary, lastKey: page.children.at(-1)?.lastKey ?? like.lastKey };
  } catch {
    return {};
  }
}

describe('a root that a writer with the keys has forged', () => {
  test('field by field is refused, or is a point that does no harm', async () => {
    await fuzz({
      name: 'forged fields of a root',
      // The bytes only choose the field and its value.
      corpus: roots.map(() => new Uint8Array(16)),
      mutants: 80,
      errors,
      async parse(mutant, at) {
        const root = roots[at] as Root;
        const forged = forgeRecord(root, new SeededRandom(Buffer.from(mutant).toString('hex')));
        const object = await sealRoot(keys, encode(forged, rfc8949EncodeOptions), root.point);
        const taken = await decodeRoot(object, root.point, keys, 'a root');
        expect(pointRowOf(taken, { name: 'a root', versionId: '' }).pointId).toBe(root.point);
        return useAll(new PointReader(harness.store, keys, taken));
      },
    });
  });
});

/** Values that no field is made for. */
const oddValues: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  0.5,
  2 ** 53,
  1e308,
  '',
  'x',
  '\u0000',
  'x'.repeat(100_000),
  '0'.repeat(32),
  '20260101T000000Z-0123456789abcdef',
  '9999-12-31T23:59:59.999Z',
  '0000-01-01T00:00:00Z',
  '2026-02-30T00:00:00Z',
  'AQAA',
  [],
  [[]],
  {},
  { pack: '' },
  new Uint8Array(10),
];

/** A copy of a record in which one to three fields, at any depth, are odd, gone, or there twice. */
function forgeRecord(record: object, chance: SeededRandom): object {
  const copy = structuredClone(record);
  for (let times = 1 + below(3, chance); times > 0; times -= 1) {
    let place = copy as Record<string, unknown>;
    for (;;) {
      const names = Object.keys(place);
      const name = names[below(names.length, chance)];
      if (name === undefined) break;
      const value = place[name];
      if (
        typeof value === 'object' &&
        value !== null &&
        Object.keys(value).length > 0 &&
        below(3, chance) > 0
      ) {
        place = value as Record<string, unknown>;
        continue;
      }
      if (below(5, chance) === 0 && !Array.isArray(place)) delete place[name];
      else place[name] = oddValues[below(oddValues.length, chance)];
      break;
    }
  }
  return copy;
}
