import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { PageRef } from '../../src/manifest/page-store.ts';
import { checkPack } from '../../src/packs/check-pack.ts';
import type { ChunkReference } from '../../src/packs/chunk-location.ts';
import type { StoredChunk } from '../../src/packs/chunk-store.ts';
import { ContainerState, SealedContainer, type SuspendedContainer } from '../../src/packs/container-state.ts';
import {
  completeContainer,
  ContainerWriter,
  type ContainerWriterOptions,
} from '../../src/packs/container-writer.ts';
import { cutChunk } from '../../src/packs/cut-chunk.ts';
import { containerName } from '../../src/packs/object-names.ts';
import { PackReader } from '../../src/packs/pack-reader.ts';
import { largestUploadBytes, planPartBytes } from '../../src/packs/part-uploader.ts';
import { SegmentReader } from '../../src/packs/segment-reader.ts';
import type { StoredPack } from '../../src/packs/store-pack.ts';
import type { Catalog } from '../../src/ports/catalog/catalog.ts';
import { FaultPlan, ProcessKilledError, withFaults } from '../../src/testing/index.ts';
import { createPageSource, makeContents, makeTestVault, type TestVault } from './test-vault.ts';

const root = Buffer.from('the root of the point');
const segmentTargetBytes = 100_000;
/** An eighth of the usual size, in a store that takes parts of that. */
const leastPartBytes = 2 ** 21;

interface Written {
  readonly chunks: { readonly content: Buffer; readonly chunk: StoredChunk }[];
  readonly pages: { readonly content: Buffer; readonly ref: PageRef }[];
}

/** Adds contents in turn as a chunk and as a page. */
async function write(
  vault: TestVault,
  writer: ContainerWriter,
  contents: readonly Buffer[],
): Promise<Written> {
  const written: Written = { chunks: [], pages: [] };
  for (const [index, content] of contents.entries()) {
    if (index % 2 === 0) {
      const chunk = await writer.addChunk(vault.vault.chunkId(content), content);
      written.chunks.push({ content, chunk });
    } else {
      const pageId = vault.vault.pageId(content);
      const location = await writer.add((pack) => {
        expect(pack).toBe(writer.pack);
        return { pageId, level: 0, bytes: content };
      });
      written.pages.push({
        content,
        ref: { pageId, level: 0, lastKey: new Uint8Array(0), entries: 1, summary: 0, location },
      });
    }
  }
  return written;
}

async function expectReadable(
  vault: TestVault,
  stored: StoredPack,
  { chunks, pages }: Written,
): Promise<void> {
  const { packId, name, versionId } = stored;
  const object = { packId, name, versionId };
  const reader = new PackReader(vault.store, vault.vault);
  for (const { content, chunk } of chunks) {
    const reference = chunk as ChunkReference;
    const [frame] = await reader.readFrames(object, 'chunk', [reference.location]);
    const read = frame instanceof Uint8Array && cutChunk(vault.vault, frame, reference);
    expect(read instanceof Uint8Array && content.equals(read)).toBe(true);
  }
  const source = createPageSource(vault.store, vault.vault, [stored]);
  for (const { content, ref } of pages) expect(content.equals(await source.read(ref))).toBe(true);
  const segments = new SegmentReader(vault.store, reader.ciphers);
  const end = await segments.readContainerEnd(object);
  expect(Buffer.from(end.root).equals(root)).toBe(true);
  const found: string[] = [];
  for await (const { directory } of segments.listSegments(object, end.lastFooter)) {
    found.unshift(...directory.frames.flatMap(({ contents }) => contents.map(({ id }) => id)));
  }
  expect(found.length).toBe(chunks.length + pages.length);
  expect((await checkPack(vault.store, vault.vault, object, 'container')).damage).toEqual([]);
}

const optionsOf = (
  vault: TestVault,
  change: Partial<ContainerWriterOptions> = {},
): ContainerWriterOptions => ({
  ...vault,
  segmentTargetBytes,
  leastPartBytes,
  ...change,
});

/** Ends a container as one process after the other may do it. */
async function finish(options: ContainerWriterOptions, writer: ContainerWriter): Promise<StoredPack> {
  const sealed = JSON.parse(JSON.stringify(await writer.seal(root))) as unknown;
  return completeContainer(options, SealedContainer.parse(sealed));
}

/** Goes on in another process, which gets the carried bytes in pieces. */
async function goOn(
  options: ContainerWriterOptions,
  { state, carry }: SuspendedContainer,
): Promise<ContainerWriter> {
  const pieces = [carry.slice(0, carry.length >> 1), carry.slice(carry.length >> 1)];
  return ContainerWriter.resume(options, ContainerState.parse(JSON.parse(JSON.stringify(state))), pieces);
}

describe('a container', () => {
  test('holds chunks, pages and a root in one object that can be read by itself', async () => {
    const vault = await makeTestVault();
    const writer = await ContainerWriter.start(optionsOf(vault), 0);

    const written = await write(vault, writer, makeContents('container', 60));
    const stored = await finish(optionsOf(vault), writer);

    await expectReadable(vault, stored, written);
    expect(stored).toMatchObject({ kind: 'container', name: containerName(stored.packId) });
    const state = await vault.store.head(stored.name);
    expect(state).toMatchObject({ bytes: stored.bytes, lock: { until: vault.lease.leaseUntil } });
    expect((await vault.catalog.packs.findAll([stored.packId])).get(stored.packId)).toMatchObject({
      state: 'live',
      bytes: stored.bytes,
    });
  });

  test('may hold nothing but a root', async () => {
    const vault = await makeTestVault();
    const writer = await ContainerWriter.start(optionsOf(vault), 0);

    await expectReadable(vault, await finish(optionsOf(vault), writer), { chunks: [], pages: [] });
  });

  test('is the same object however often its writer was suspended between segments', async () => {
    const contents = makeContents('suspended', 40);
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(39), { maxLength: 5 }), async (stops) => {
        const vault = await makeTestVault();
        const options = optionsOf(vault);
        let writer = await ContainerWriter.start(options, 0);
        const written: Written = { chunks: [], pages: [] };
        for (const [index, content] of contents.entries()) {
          if (stops.includes(index)) {
            const resting = await writer.suspend();
            await expect(writer.addChunk(vault.vault.chunkId(content), content)).rejects.toMatchObject({
              name: 'InvalidInputError',
            });
            writer = await goOn(options, resting);
          }
          const { chunks, pages } = await write(
            vault,
            writer,
            index % 2 === 0 ? [content] : [Buffer.from('pad'), content],
          );
          written.chunks.push(...chunks);
          written.pages.push(...pages);
        }

        await expectReadable(vault, await finish(options, writer), written);
      }),
      { numRuns: 8 },
    );
  });

  test('gives a small chunk its place with the segment, although only large ones come behind it', async () => {
    const vault = await makeTestVault();
    const options = optionsOf(vault, { segmentTargetBytes: 2 ** 20 });
    const writer = await ContainerWriter.start(options, 0);
    const contents = [1_000, 600_000, 600_000, 600_000].map((bytes) =>
      Buffer.from(vault.random.bytes(bytes)),
    );
    const chunks: Written['chunks'] = [];
    for (const content of contents)
      chunks.push({ content, chunk: await writer.addChunk(vault.vault.chunkId(content), content) });

    expect(chunks.map(({ chunk }) => chunk.location?.frame)).toEqual([2, 0, 1, 4]);
    await expectReadable(vault, await finish(options, writer), { chunks, pages: [] });
  });

  test('larger than memory goes up in parts of one size', async () => {
    const vault = await makeTestVault('parts', { minPartBytes: leastPartBytes });
    const options = optionsOf(vault, { segmentTargetBytes: leastPartBytes });
    const contents = Array.from({ length: 16 }, () => Buffer.from(vault.random.bytes(2.5 * 2 ** 17)));
    const first = await ContainerWriter.start(options, 0);
    const written = await write(vault, first, contents.slice(0, 9));
    const resting = await first.suspend();

    expect(resting.state.upload.parts.map(({ bytes }) => bytes)).toEqual([leastPartBytes]);
    expect(resting.carry.length).toBe(resting.state.position - leastPartBytes);
    const second = await goOn(options, resting);
    const more = await write(vault, second, contents.slice(9));
    const stored = await finish(options, second);

    expect(vault.store.requests('addPart')).toBe(3);
    await expectReadable(vault, stored, {
      chunks: [...written.chunks, ...more.chunks],
      pages: [...written.pages, ...more.pages],
    });
  });

  test('survives parts and completions whose answers are lost', async () => {
    for (const method of ['addPart', 'complete', 'packs.confirm']) {
      for (const kind of ['fail-before', 'fail-after', 'time-out', 'duplicate'] as const) {
        // A completion that happens twice is the adapter's business.
        if (kind === 'duplicate' && method !== 'packs.confirm') continue;
        const vault = await makeTestVault(`${method} ${kind}`, { minPartBytes: leastPartBytes });
        const plan = new FaultPlan([{ kind, call: 1, method, times: 2 }]);
        const options = optionsOf(vault, {
          store: withFaults(vault.store, plan),
          catalog: withFaults<Catalog>(vault.catalog, plan),
        });
        const writer = await ContainerWriter.start(options, 0);
        const contents = Array.from({ length: 5 }, () => Buffer.from(vault.random.bytes(2 ** 19)));

        const written = await write(vault, writer, contents);

        await expectReadable(vault, await finish(options, writer), written);
      }
    }
  });

  test('can be gone on with after its process died at any call', async () => {
    const contents = Array.from({ length: 6 }, (_, index) => Buffer.alloc(2 ** 19, `${index}`));
    for (let call = 1, finished = false; !finished; call++) {
      const vault = await makeTestVault('parts', { minPartBytes: leastPartBytes });
      const options = optionsOf(vault, { compression: { level: 1, minSaving: 1, probeFromBytes: Infinity } });
      const first = await ContainerWriter.start(options, 0);
      const before = await write(vault, first, contents.slice(0, 2));
      const resting = await first.suspend();
      const plan = new FaultPlan([{ kind: 'kill-after', call }]);
      const failing = { ...options, store: withFaults(vault.store, plan) };
      const dying = await goOn(failing, resting);
      const attempt = write(vault, dying, contents.slice(2)).then(async () => finish(failing, dying));
      await attempt.catch((error: unknown) => expect(error).toBeInstanceOf(ProcessKilledError));
      finished = !plan.killed;
      if (finished || plan.calls('complete') > 0) continue;

      const again = await goOn(options, resting);
      const after = await write(vault, again, contents.slice(2));

      const stored = await finish(options, again);
      await expectReadable(vault, stored, {
        chunks: [...before.chunks, ...after.chunks],
        pages: [...before.pages, ...after.pages],
      });
    }
  });

  test('whose row was swept is not passed off as stored', async () => {
    const vault = await makeTestVault();
    vi.spyOn(vault.catalog.packs, 'confirm').mockResolvedValue('lost');
    const writer = await ContainerWriter.start(optionsOf(vault), 0);

    await expect(finish(optionsOf(vault), writer)).rejects.toMatchObject({
      name: 'CatalogConflictError',
    });
  });

  test('that is given up leaves no object', async () => {
    const vault = await makeTestVault();
    const writer = await ContainerWriter.start(optionsOf(vault), 0);
    await write(vault, writer, makeContents('given up', 4));

    await writer.abort();

    await expect(writer.seal(root)).rejects.toMatchObject({ name: 'ObjectNotFoundError' });
    await expect(vault.store.head(containerName(writer.pack.packId as never))).rejects.toMatchObject({
      name: 'ObjectNotFoundError',
    });
  });

  test('is found damaged wherever a byte was changed or lost', async () => {
    const vault = await makeTestVault();
    const writer = await ContainerWriter.start(optionsOf(vault, { segmentTargetBytes: 1_000 }), 0);
    await write(vault, writer, makeContents('fuzz', 12, 300));
    const { name, packId } = await finish(optionsOf(vault), writer);
    const body = Buffer.from(await vault.store.get(name));
    const change = fc.record({ at: fc.nat(body.length - 1), flip: fc.integer({ min: 1, max: 255 }) });
    let copies = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ weight: 4, arbitrary: change }, fc.integer({ min: 1, max: 100 })),
        async (how) => {
          const damaged = Buffer.from(typeof how === 'number' ? body.subarray(0, -how) : body);
          if (typeof how !== 'number') damaged[how.at]! ^= how.flip;
          const copy = `containers/copy-${copies++}`;
          vault.store.plantVersion(copy, damaged);

          const { damage } = await checkPack(vault.store, vault.vault, { packId, name: copy }, 'container');

          expect(damage.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});

test('a container at rest goes on with the bytes that it had, or not at all', async () => {
  const vault = await makeTestVault();
  const options = optionsOf(vault);
  const writer = await ContainerWriter.start(options, 0);
  await write(vault, writer, makeContents('rest', 4, 500));
  const resting = await writer.suspend();
  const { state, carry } = resting;

  expect(JSON.stringify(state)).not.toContain(
    Buffer.from((await vault.vault.export()).idKey).toString('hex'),
  );
  const changed = Buffer.from(carry);
  changed[50]! ^= 1;
  for (const damaged of [carry.subarray(0, -1), changed, Buffer.concat([carry, carry]), Buffer.alloc(0)]) {
    await expect(goOn(options, { state, carry: damaged })).rejects.toMatchObject({
      name: 'StoredBytesDamagedError',
    });
  }
  // Parts of no bytes would never hold what is written.
  await expect(goOn(options, { state: { ...state, partBytes: 0 }, carry })).rejects.toMatchObject({
    issues: [{ path: ['partBytes'] }],
  });
  await expect(goOn(options, resting)).resolves.toMatchObject({ position: state.position });
});

test.each([0, 2 ** 30, 2 ** 40, 5 * 2 ** 40, largestUploadBytes])(
  'an object of about %i bytes has parts that the store takes, and of which one fits into a worker',
  (bytes) => {
    const partBytes = planPartBytes(bytes);

    expect(partBytes).toBeGreaterThanOrEqual(8 * 2 ** 20);
    expect(partBytes).toBeLessThanOrEqual(1024 * 2 ** 20);
    expect(Math.ceil((bytes * 1.1) / partBytes)).toBeLessThanOrEqual(10_000);
  },
);
