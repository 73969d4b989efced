import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import type { PackId } from '../../src/ids.ts';
import { openVault } from '../../src/keys/open-vault.ts';
import { checkPack } from '../../src/packs/check-pack.ts';
import { packName } from '../../src/packs/object-names.ts';
import { PackBuilder } from '../../src/packs/pack-builder.ts';
import { listChunks } from '../../src/packs/pack-directory.ts';
import type { ChunkReference } from '../../src/packs/chunk-location.ts';
import { cutChunk } from '../../src/packs/cut-chunk.ts';
import { PackReader, type WantedFrame } from '../../src/packs/pack-reader.ts';
import { SegmentReader } from '../../src/packs/segment-reader.ts';
import type { StoredObject } from '../../src/packs/stored-object.ts';
import { FaultPlan, withFaults, rotateDataKey } from '../../src/testing/index.ts';
import { makeContents, makeTestVault, type TestVault } from './test-vault.ts';

interface Pack {
  readonly object: Required<StoredObject>;
  readonly contents: readonly Buffer[];
  readonly chunks: readonly ChunkReference[];
  readonly frames: readonly WantedFrame[];
  readonly body: Buffer;
}

/** A pack of these contents in the vault's store, without its catalog. */
async function putPack({ vault, store, random }: TestVault, contents: readonly Buffer[]): Promise<Pack> {
  const dataKey = await vault.currentDataKey();
  const packId = newId<PackId>(random);
  const builder = new PackBuilder({ kind: 'chunks', vault, dataKey, packId, slab: Buffer.alloc(1 << 20) });
  const chunks = contents.map((content): ChunkReference => {
    const [id, plainBytes] = [vault.chunkId(content), content.length];
    const position = builder.append('chunk', [{ id, plainBytes }], content);
    return { id, plainBytes, location: { packId, ...position, contentBytes: plainBytes, start: 0 } };
  });
  builder.seal();
  const body = Buffer.from(builder.body);
  const name = packName('standard', packId);
  const { versionId } = await store.put(name, body);
  const frames = chunks.map(({ location }) => location);
  return { object: { packId, name, versionId }, contents, chunks, frames, body };
}

const withoutVersion = ({ packId, name }: StoredObject): StoredObject => ({ packId, name });

describe('reading frames', () => {
  test('gives back what was stored, with one request, in the order that was asked for', async () => {
    const vault = await makeTestVault();
    const pack = await putPack(vault, makeContents('read', 40));
    const reader = new PackReader(vault.store, vault.vault);
    const indexes = fc.uniqueArray(fc.nat(pack.frames.length - 1), { minLength: 1, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(indexes, async (chosen) => {
        vault.store.resetCounters();

        const read = await reader.readFrames(
          pack.object,
          'chunk',
          chosen.map((index) => pack.frames[index]!),
        );

        expect(read.map((answer) => answer instanceof Uint8Array && Buffer.from(answer))).toEqual(
          chosen.map((index) => pack.contents[index]),
        );
        expect(vault.store.requests('get')).toBe(1);
      }),
      { numRuns: 30 },
    );
  });

  test('finds the key of a pack that was written before the data key changed', async () => {
    const vault = await makeTestVault();
    const old = await putPack(vault, makeContents('old', 3));
    vault.clock.advance(1000);
    await rotateDataKey(vault.vault, vault);
    const young = await putPack(vault, makeContents('young', 3));
    const reader = new PackReader(vault.store, await openVault(vault));

    for (const pack of [young, old, young, old]) {
      const read = await reader.readFrames(pack.object, 'chunk', pack.frames);
      expect(read.map((answer) => answer instanceof Uint8Array)).toEqual([true, true, true]);
    }
  });

  test('answers for each damaged frame by itself', async () => {
    const vault = await makeTestVault();
    const pack = await putPack(vault, makeContents('damage', 6));
    const damaged = Buffer.from(pack.body);
    damaged[pack.frames[2]!.offset + 5]! ^= 1;
    const versionId = vault.store.plantVersion('packs/copy', damaged);
    const object = { ...pack.object, name: 'packs/copy', versionId };

    const read = await new PackReader(vault.store, vault.vault).readFrames(object, 'chunk', pack.frames);

    expect(read.map((answer) => (answer instanceof Uint8Array ? 'whole' : answer.name))).toEqual([
      'whole',
      'whole',
      'StoredBytesDamagedError',
      'whole',
      'whole',
      'whole',
    ]);
  });

  test('notices a frame that is longer or shorter than its reference says', async () => {
    const vault = await makeTestVault();
    const pack = await putPack(vault, makeContents('other', 1));
    const [frame] = pack.frames as [Required<WantedFrame>];
    const wanted = [1, -1].map((more) => ({ ...frame, contentBytes: frame.contentBytes + more }));

    const read = await new PackReader(vault.store, vault.vault).readFrames(pack.object, 'chunk', wanted);

    expect(read).toMatchObject([{ name: 'StoredBytesDamagedError' }, { name: 'StoredBytesDamagedError' }]);
  });

  test('gives a content out of which nothing but the chunk that a reference means is cut', async () => {
    const vault = await makeTestVault();
    const content = Buffer.from('first second');
    const { chunks, frames, object } = await putPack(vault, [content]);
    const [read] = await new PackReader(vault.store, vault.vault).readFrames(object, 'chunk', frames);
    const { location } = chunks[0]!;
    const cut = (id: string, start: number, plainBytes: number) =>
      cutChunk(vault.vault, read as Uint8Array, {
        id: vault.vault.chunkId(Buffer.from(id)),
        plainBytes,
        location: { ...location, start },
      });

    expect(Buffer.from(cut('second', 6, 6) as Uint8Array).toString()).toBe('second');
    for (const wrong of [cut('second', 5, 6), cut('first', 6, 6), cut('second', 6, 7), cut('second', 20, 6)])
      expect(wrong).toMatchObject({ name: 'ChunkCorruptError' });
  });

  test('takes an older version when the one that is meant is gone or damaged, and the meant one when it is whole', async () => {
    const vault = await makeTestVault();
    const pack = await putPack(vault, makeContents('versions', 4));
    const garbage = vault.store.plantVersion(pack.object.name, Buffer.alloc(pack.body.length));
    const reader = new PackReader(vault.store, vault.vault);

    for (const object of [
      pack.object,
      withoutVersion(pack.object),
      { ...pack.object, versionId: garbage },
      { ...pack.object, versionId: 'of-another-bucket' },
    ]) {
      const read = await reader.readFrames(object, 'chunk', pack.frames);
      expect(read.every((answer) => answer instanceof Uint8Array)).toBe(true);
    }
  });

  test('goes on to a younger version when the oldest does not authenticate', async () => {
    const vault = await makeTestVault();
    const pack = await putPack(vault, makeContents('younger', 4));
    const name = 'packs/prepared';
    vault.store.plantVersion(name, Buffer.alloc(pack.body.length, 1));
    vault.store.plantVersion(name, pack.body);

    const read = await new PackReader(vault.store, await openVault(vault)).readFrames(
      { packId: pack.object.packId, name },
      'chunk',
      pack.frames,
    );

    expect(read.every((answer) => answer instanceof Uint8Array)).toBe(true);
  });

  test('answers that a pack is gone, and throws what may pass', async () => {
    const vault = await makeTestVault();
    const pack = await putPack(vault, makeContents('gone', 2));
    const gone = { packId: pack.object.packId, name: 'packs/gone' };
    const plan = new FaultPlan([{ kind: 'throttle', call: 1 }]);
    const throttled = new PackReader(withFaults(vault.store, plan), vault.vault);

    const read = await new PackReader(vault.store, vault.vault).readFrames(gone, 'chunk', pack.frames);

    expect(read).toMatchObject([{ name: 'ObjectNotFoundError' }, { name: 'ObjectNotFoundError' }]);
    await expect(throttled.readFrames(pack.object, 'chunk', pack.frames)).rejects.toMatchObject({
      name: 'StoreUnavailableError',
    });
  });

  test('asks for nothing that a reference cannot mean', async () => {
    const vault = await makeTestVault();
    const pack = await putPack(vault, makeContents('bounds', 1));
    const [frame] = pack.frames as [WantedFrame];
    const at = (change: object): WantedFrame => ({ ...frame, ...change });
    const reader = new PackReader(vault.store, vault.vault);
    vault.store.resetCounters();

    const impossible = [
      at({ length: 2 ** 40 }),
      at({ length: 3 }),
      at({ offset: 0 }),
      at({ frame: 2 ** 32 }),
    ];
    const read = await reader.readFrames(pack.object, 'chunk', impossible);
    const beyond = await reader.readFrames(pack.object, 'chunk', [at({ offset: 2 ** 50 })]);

    expect(read.map((answer) => (answer as Error).name)).toEqual(Array(4).fill('StoredBytesDamagedError'));
    expect(beyond).toMatchObject([{ name: 'StoredBytesDamagedError' }]);
    expect(vault.store.bytesFetched).toBeLessThan(1000);
    await expect(
      reader.readFrames(pack.object, 'chunk', [frame, at({ offset: 2 ** 30 })]),
    ).rejects.toMatchObject({ name: 'InvalidInputError' });
  });
});

describe('a pack by itself', () => {
  test('tells what is in it, from its end', async () => {
    const vault = await makeTestVault();
    const pack = await putPack(vault, makeContents('directory', 50));
    const reader = new SegmentReader(
      vault.store,
      new PackReader(vault.store, await openVault(vault)).ciphers,
    );

    for (const bytes of [undefined, pack.body.length]) {
      const { directory, kind } = await reader.readDirectory(pack.object, bytes);

      expect(kind).toBe('chunks');
      expect([...listChunks(pack.object.packId, directory.frames)]).toEqual(pack.chunks);
    }
  });

  test('has a directory that is found although it is longer than the first read', async () => {
    const vault = await makeTestVault();
    const contents = Array.from({ length: 3_000 }, (_, index) => Buffer.from(`content ${index}`));
    const pack = await putPack(vault, contents);
    const reader = new SegmentReader(vault.store, new PackReader(vault.store, vault.vault).ciphers);

    expect((await reader.readDirectory(pack.object)).directory.frames.length).toBe(3_000);
  });

  test('is whole when it was just written', async () => {
    const vault = await makeTestVault();
    const pack = await putPack(vault, makeContents('whole', 20));

    const check = await checkPack(vault.store, vault.vault, pack.object, 'chunks');

    expect(check).toEqual({
      frames: 20,
      storedBytes: pack.frames.reduce((sum, { length }) => sum + length, 0),
      damage: [],
    });
  });

  test('is found damaged wherever a byte was changed, added or lost', async () => {
    const vault = await makeTestVault();
    const pack = await putPack(vault, makeContents('fuzz', 8, 300));
    const change = fc.record({ at: fc.nat(pack.body.length - 1), flip: fc.integer({ min: 1, max: 255 }) });
    const cut = fc.integer({ min: -100, max: 5 }).filter((more) => more !== 0);
    let copies = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof({ weight: 4, arbitrary: change }, cut), async (how) => {
        const size = pack.body.length + (typeof how === 'number' ? how : 0);
        const damaged = Buffer.concat([pack.body, Buffer.alloc(5)]).subarray(0, size);
        if (typeof how !== 'number') damaged[how.at]! ^= how.flip;
        const name = `packs/copy-${copies++}`;
        vault.store.plantVersion(name, damaged);

        const check = await checkPack(
          vault.store,
          vault.vault,
          { packId: pack.object.packId, name },
          'chunks',
        );

        expect(check.damage.length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });

  test('is found damaged in exactly the chunks that are', async () => {
    const vault = await makeTestVault();
    const pack = await putPack(vault, makeContents('exactly', 10));
    const damaged = Buffer.from(pack.body);
    for (const index of [3, 7]) damaged[pack.frames[index]!.offset]! ^= 1;
    const versionId = vault.store.plantVersion(pack.object.name, damaged);

    const check = await checkPack(vault.store, vault.vault, { ...pack.object, versionId }, 'chunks');

    expect(check.frames).toBe(10);
    expect(check.damage.map(({ message }) => /frame (\d)/.exec(message)?.[1])).toEqual(['3', '7']);
  });

  test('under another pack’s name is not that pack', async () => {
    const vault = await makeTestVault();
    const pack = await putPack(vault, makeContents('moved', 2));
    const packId = newId<PackId>(vault.random);
    vault.store.plantVersion('packs/moved', pack.body);
    const object = { packId, name: 'packs/moved' };

    expect((await checkPack(vault.store, vault.vault, object, 'chunks')).damage.length).toBe(1);
    const [read] = await new PackReader(vault.store, vault.vault).readFrames(
      object,
      'chunk',
      pack.frames.slice(0, 1),
    );
    expect(read).toMatchObject({ name: 'StoredBytesDamagedError' });
  });

  test('is not readable by another vault', async () => {
    const vault = await makeTestVault();
    const stranger = await makeTestVault('stranger');
    const pack = await putPack(vault, makeContents('stranger', 2));

    const { damage } = await checkPack(vault.store, stranger.vault, pack.object, 'chunks');

    expect(damage).toMatchObject([{ name: 'StoredBytesDamagedError' }]);
    expect(pack.chunks[0]!.id).not.toBe(stranger.vault.chunkId(pack.contents[0]!));
  });
});
