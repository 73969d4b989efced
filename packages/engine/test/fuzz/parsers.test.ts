import { encode, rfc8949EncodeOptions } from 'cborg';
import { beforeAll, describe, expect, test } from 'vitest';
import { compareBytes, equalBytes, fromBase64, toHex } from '../../src/bytes.ts';
import { decodeRootCbor } from '../../src/points/root-cbor.ts';
import type { VaultKeys } from '../../src/keys/vault-keys.ts';
import { decodeExtent, encodeExtent } from '../../src/manifest/extent.ts';
import { decodeFileEntry, encodeFileEntry } from '../../src/manifest/file-entry.ts';
import { decodePackMapEntry, encodePackMapEntry } from '../../src/manifest/pack-map.ts';
import {
  decodePage,
  decodePageRef,
  encodeInner,
  encodeLeaf,
  encodePageRef,
  isLeaf,
  type Entry,
} from '../../src/manifest/page-codec.ts';
import type { PageRef } from '../../src/manifest/page-store.ts';
import { decodeFileKey } from '../../src/manifest/tuple-key.ts';
import { decodeContent, encodeContent } from '../../src/packs/frame-codec.ts';
import { decodeDirectory, encodeDirectory } from '../../src/packs/pack-directory.ts';
import { PackReader } from '../../src/packs/pack-reader.ts';
import { SegmentReader } from '../../src/packs/segment-reader.ts';
import { findPageRef } from '../../src/points/page-ref-text.ts';
import { decodeVolumeEntry, encodeVolumeEntry } from '../../src/manifest/volume-entry.ts';
import { decodeRoot } from '../../src/points/root-store.ts';
import { makeVault, namesOf, packIdOf, type VaultUnderDamage } from '../damage/vault-under-damage.ts';
import { fuzz } from './fuzzing.ts';
import { sealRoot } from './seal-root.ts';

const errors = ['StoredBytesDamagedError', 'FormatVersionError'];
const pack = { packId: 'ab'.repeat(16) } as unknown as PageRef['location']['pack'];

let vault: VaultUnderDamage;
let keys: VaultKeys;
let pages: Uint8Array[];
let entries: Entry[];
let packEntries: Entry[];
beforeAll(async () => {
  vault = await makeVault('parsers', 'files');
  keys = await vault.harness.keys();
  pages = [];
  entries = [];
  packEntries = [];
  for (const { root } of vault.points) {
    const reader = await vault.harness.open(root.point);
    for (const text of [root.manifest, root.packMap]) {
      const top = findPageRef(text, root.point);
      if (top !== undefined) await collect(top, async (ref) => reader.pages.read(ref));
    }
    entries.push(...(await Array.fromAsync(reader.manifest.range())));
    packEntries.push(...(await Array.fromAsync(reader.packMap.range())));
  }
});

async function collect(ref: PageRef, read: (ref: PageRef) => Promise<Uint8Array>): Promise<void> {
  const bytes = await read(ref);
  pages.push(bytes);
  const page = decodePage(bytes, ref.location.pack, 'a test');
  if (!isLeaf(page)) for (const child of page.children) await collect(child, read);
}

describe('mutated bytes behind the encryption, as only a writer with the key can make them', () => {
  test('of a page are refused, or are a page as a writer writes it', async () => {
    await fuzz({
      name: 'page',
      corpus: pages,
      errors,
      parse: (mutant) => void decodePage(mutant, pack, 'a page'),
      checkTaken(mutant) {
        const page = decodePage(mutant, pack, 'a page');
        const again = isLeaf(page) ? encodeLeaf(page.entries) : encodeInner(page.level, page.children, pack);
        expect(equalBytes(again, mutant)).toBe(true);
        const found = isLeaf(page)
          ? page.entries.map(({ key }) => key)
          : page.children.map((child) => child.lastKey);
        expect(found.toSorted(compareBytes)).toEqual(found);
        expect(new Set(found.map(toHex)).size).toBe(found.length);
      },
    });
  });

  test('of the entry of a volume are refused, or are one as a writer writes it', async () => {
    const volume = {
      volume: 'vol-0123456789abcdef0',
      bytes: 2 ** 33,
      blockBytes: 2 ** 19,
      snapshot: 'snap-1',
    };
    const corpus = [volume, { ...volume, fullReason: 'its base is gone' }].map(encodeVolumeEntry);
    const decode = (mutant: Uint8Array) =>
      decodeVolumeEntry({ ...(corpus[0] as Entry), logical: mutant }, 'an entry');
    await fuzz({
      name: 'entry of a volume',
      corpus: corpus.map(({ logical }) => logical),
      errors,
      parse: (mutant) => void decode(mutant),
      checkTaken(mutant) {
        expect(equalBytes(encodeVolumeEntry(decode(mutant)).logical, mutant)).toBe(true);
      },
    });
  });

  test('of a reference to a page are refused, or are one as a writer writes it', async () => {
    const corpus = vault.points.flatMap(({ root: { manifest, packMap } }) =>
      [manifest, packMap].flatMap((text) => (text === undefined ? [] : [fromBase64(text)])),
    );
    await fuzz({
      name: 'reference to a page',
      corpus,
      errors,
      parse: (mutant) => void decodePageRef(mutant, 'a reference'),
      checkTaken(mutant) {
        expect(equalBytes(encodePageRef(decodePageRef(mutant, 'a reference')), mutant)).toBe(true);
      },
    });
  });

  test.each(['key', 'logical', 'location'] as const)(
    'of the %s of an entry are refused, or are an entry as a writer writes it',
    async (part) => {
      const corpus = entries.filter((entry) => entry[part].length > 0);
      const mutated = (mutant: Uint8Array, at: number): Entry => ({
        ...(corpus[at] as Entry),
        [part]: mutant,
      });
      await fuzz({
        name: `${part} of an entry of a manifest`,
        corpus: corpus.map((entry) => entry[part]),
        errors,
        parse: (mutant, at) => void decodeEntry(mutated(mutant, at)),
        checkTaken(mutant, at) {
          const entry = mutated(mutant, at);
          const again = decodeEntry(entry);
          expect(equalBytes(again.key, entry.key)).toBe(true);
          expect(equalBytes(again.location, entry.location)).toBe(true);
          // Text that is not UTF-8 reads as U+FFFD.
          if (!Buffer.from(again.logical).includes('\u{fffd}'))
            expect(equalBytes(again.logical, entry.logical)).toBe(true);
        },
      });
    },
  );

  test.each(['key', 'logical', 'location'] as const)(
    'of the %s of an entry of the pack map are refused, or are an entry as a writer writes it',
    async (part) => {
      const mutated = (mutant: Uint8Array, at: number): Entry => ({
        ...(packEntries[at] as Entry),
        [part]: mutant,
      });
      await fuzz({
        name: `${part} of an entry of a pack map`,
        corpus: packEntries.map((entry) => entry[part]),
        errors,
        parse: (mutant, at) => void decodePackMapEntry(mutated(mutant, at), 'an entry'),
        checkTaken(mutant, at) {
          const again = encodePackMapEntry(decodePackMapEntry(mutated(mutant, at), 'an entry'));
          if (part !== 'location') expect(equalBytes(again[part], mutant)).toBe(true);
        },
      });
    },
  );

  test('of a directory are refused, or are one as a writer writes it', async () => {
    const { store } = vault.harness;
    const segments = new SegmentReader(store, new PackReader(store, keys).ciphers);
    const corpus: Uint8Array[] = [];
    for (const name of [...namesOf(vault, 'chunks'), ...namesOf(vault, 'pages')]) {
      const packId = packIdOf(name);
      if (packId === undefined) continue;
      corpus.push(encodeDirectory((await segments.readDirectory({ packId, name })).directory));
    }
    await fuzz({
      name: 'directory',
      corpus,
      errors,
      parse: (mutant) => void decodeDirectory(mutant, 'a directory'),
      checkTaken(mutant) {
        expect(equalBytes(encodeDirectory(decodeDirectory(mutant, 'a directory')), mutant)).toBe(true);
      },
    });
  });

  test('of a compressed content are refused, or come out no larger than they may be', async () => {
    const corpus = [10, 1_000, 100_000].map((bytes) => encodeContent(Buffer.alloc(bytes, 'text')).payload);
    const limit = 200_000;
    await fuzz({
      name: 'compressed content',
      corpus,
      errors,
      parse(mutant) {
        expect(decodeContent(1, mutant, limit, 'a frame').length).toBeLessThanOrEqual(limit);
      },
    });
  });

  test('of a root are refused, or are a root of that point', async () => {
    await fuzz({
      name: 'root behind its encryption',
      corpus: vault.points.map(({ root }) => encode(root, rfc8949EncodeOptions)),
      errors,
      async parse(mutant, at) {
        const { point } = (vault.points[at] as (typeof vault.points)[number]).root;
        const root = await decodeRoot(await sealRoot(keys, mutant, point), point, keys, 'a root');
        expect(root.point).toBe(point);
      },
    });
  });

  test('of the root inside a container are refused, or are a root', async () => {
    await fuzz({
      name: 'root of a container',
      corpus: vault.points.map(({ root }) => encode(root, rfc8949EncodeOptions)),
      errors,
      parse(mutant) {
        expect(decodeRootCbor(mutant, 'a container').formatVersion).toBe(1);
      },
    });
  });
});

/** Decodes an entry as readers do, and encodes it as writers do. */
function decodeEntry(entry: Entry): Entry {
  if (decodeFileKey(entry.key, 'an entry').offset === undefined)
    return encodeFileEntry(decodeFileEntry(entry, 'an entry'));
  return encodeExtent(decodeExtent(entry, 'an entry'));
}
