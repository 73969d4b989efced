import { describe, expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import type { PackId } from '../../src/ids.ts';
import { checkPack } from '../../src/packs/check-pack.ts';
import { FrameCipher } from '../../src/packs/frame-cipher.ts';
import { encodeDirectory, type ListedFrame } from '../../src/packs/pack-directory.ts';
import {
  headerBytes,
  writeFooter,
  writeHeader,
  type PackFooter,
  type PackKind,
} from '../../src/packs/pack-layout.ts';
import { PackReader } from '../../src/packs/pack-reader.ts';
import { SegmentReader } from '../../src/packs/segment-reader.ts';
import { makeContents, makeTestVault, type TestVault } from './test-vault.ts';

interface Lies {
  readonly kind?: PackKind;
  readonly directory?: { readonly firstFrame?: number; readonly firstOffset?: number };
  readonly entry?: Partial<ListedFrame>;
  /** Changes the second frame, whose content is made of two chunks. */
  readonly contents?: (honest: ListedFrame['contents']) => ListedFrame['contents'];
  readonly footer?: Partial<PackFooter>;
  /** Stands behind the directory frame, before the footer. */
  readonly gap?: number;
}

/** A pack by a writer that has the key, and lies: everything in it authenticates. */
async function putLyingPack({ vault, store, random }: TestVault, lies: Lies) {
  const { kind = 'chunks' } = lies;
  const dataKey = await vault.currentDataKey();
  const packId = newId<PackId>(random);
  const cipher = new FrameCipher(dataKey.objectKey(packId), vault.vaultId, packId);
  const bytes = Buffer.alloc(100_000);
  writeHeader(bytes, { kind, keyId: dataKey.keyId, packId });
  let offset = headerBytes;
  const frames = makeContents('honest', 3, 1_000).map((content, frame): ListedFrame => {
    const length = cipher.seal('chunk', frame, 0, content, bytes, offset);
    offset += length;
    const contents = [content.subarray(0, 2), content.subarray(2)].map((chunk) => ({
      id: vault.chunkId(chunk),
      plainBytes: chunk.length,
    }));
    const honest = { kind: 'chunk', frame, offset: offset - length, length, contents } as const;
    if (frame !== 1) return honest;
    return { ...honest, ...lies.entry, contents: lies.contents?.(contents) ?? contents };
  });
  const directory = encodeDirectory({ firstFrame: 0, firstOffset: headerBytes, frames, ...lies.directory });
  const frame = lies.footer?.frame ?? 3;
  const length = cipher.seal('directory', frame, 0, directory, bytes, offset);
  const at = offset + length + (lies.gap ?? 0);
  writeFooter(bytes, at, { kind, offset, length, frame, previousFooter: 0, ...lies.footer });
  const name = `packs/${packId}`;
  await store.put(name, bytes.subarray(0, at + 32));
  return { packId, name };
}

const lengthen =
  (...plainBytes: readonly number[]) =>
  (honest: ListedFrame['contents']): ListedFrame['contents'] =>
    honest.map((content, at) => ({ ...content, plainBytes: plainBytes[at] ?? content.plainBytes }));

describe('a pack whose writer had the key', () => {
  test('is whole when it does not lie', async () => {
    const vault = await makeTestVault();

    const check = await checkPack(vault.store, vault.vault, await putLyingPack(vault, {}), 'chunks');

    expect(check).toMatchObject({ frames: 3, damage: [] });
  });

  test.each<[string, Lies]>([
    ['frames that are numbered otherwise', { directory: { firstFrame: 1 } }],
    ['a directory frame of another number', { footer: { frame: 9 } }],
    ['frames that begin elsewhere', { directory: { firstOffset: 41 } }],
    ['a frame that is shorter', { entry: { length: 30 } }],
    ['a frame without room for anything', { entry: { length: 16 } }],
    ['a content of another length', { contents: lengthen(8_000_000) }],
    ['a content larger than any chunk', { contents: lengthen(9_000_000) }],
    ['chunks that are larger than their frame together', { contents: lengthen(4_200_000, 4_200_000) }],
    ['a chunk without bytes', { contents: lengthen(0) }],
    ['a frame without chunks', { contents: () => [] }],
    ['a page of two parts', { entry: { kind: 'page' } }],
    ['a segment before the first', { footer: { previousFooter: 41 } }],
    ['another kind', { footer: { kind: 'pages' } }],
    ['bytes between its directory and its footer', { gap: 1 }],
  ])('is damaged when it claims %s', async (_, lies) => {
    const vault = await makeTestVault();

    const { damage } = await checkPack(vault.store, vault.vault, await putLyingPack(vault, lies), 'chunks');

    expect(damage.length).toBeGreaterThan(0);
    expect(damage.every(({ name }) => name === 'StoredBytesDamagedError')).toBe(true);
  });

  test.each<[string, Lies]>([
    ['chunks in another order', { contents: (honest) => honest.toReversed() }],
    [
      'chunks that are cut elsewhere',
      {
        contents: ([one, two]) => [
          { ...one!, plainBytes: 3 },
          { ...two!, plainBytes: two!.plainBytes - 1 },
        ],
      },
    ],
  ])('is found to have %s', async (_, lies) => {
    const vault = await makeTestVault();

    const { damage } = await checkPack(vault.store, vault.vault, await putLyingPack(vault, lies), 'chunks');

    expect(damage.map(({ name }) => name)).toEqual(['ChunkCorruptError', 'ChunkCorruptError']);
  });

  test('cannot send a reader of segments round in circles', async () => {
    const vault = await makeTestVault();
    const object = await putLyingPack(vault, { kind: 'container', footer: { previousFooter: 1_000_000 } });
    const { bytes } = await vault.store.head(object.name);
    const segments = new SegmentReader(vault.store, new PackReader(vault.store, vault.vault).ciphers);

    const walk = async () => {
      for await (const _ of segments.listSegments(object, bytes - 32));
    };

    await expect(walk()).rejects.toMatchObject({
      name: 'StoredBytesDamagedError',
      message: expect.stringContaining('points nowhere'),
    });
  });
});
