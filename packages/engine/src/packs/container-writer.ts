import { hash } from 'node:crypto';
import { newId } from '../bytes.ts';
import { CatalogConflictError, InvalidInputError } from '../errors.ts';
import type { ChunkId, PackId } from '../ids.ts';
import { collectKeyBlock } from '../keys/key-block.ts';
import type { DataKey, VaultKeys } from '../keys/vault-keys.ts';
import type { EncodedPage, PageLocation, PagePack, PageSink } from '../manifest/page-store.ts';
import type { ChunkLocation } from './chunk-location.ts';
import type { StoredChunk } from './chunk-store.ts';
import {
  checkCarry,
  type ContainerState,
  type SealedContainer,
  type SuspendedContainer,
} from './container-state.ts';
import { FrameCipher } from './frame-cipher.ts';
import { defaultCompressionPolicy, type CompressionPolicy } from './frame-codec.ts';
import { FrameFiller, type FilledFrame } from './frame-filler.ts';
import { frameOverheadBytes, maxFrameNumber, type FrameKind, type FramePosition } from './frame.ts';
import { containerName } from './object-names.ts';
import { maxContentsPerSegment } from './pack-builder.ts';
import {
  encodeDirectory,
  listChunks,
  type ListedContent,
  type ListedFrame,
  type ListedFrameKind,
} from './pack-directory.ts';
import { footerBytes, headerBytes, writeFooter, writeHeader } from './pack-layout.ts';
import { PartUploader, planPartBytes } from './part-uploader.ts';
import { defaultRetryPolicy, retryUnavailable } from './retry.ts';
import { sealFrame } from './seal-frame.ts';
import { SerialQueue } from './serial-queue.ts';
import { putOptions, type PackStoring, type StoredPack } from './store-pack.ts';

/** Small enough that a segment is read and checked in memory. */
const defaultSegmentTargetBytes = 64 * 1024 * 1024;

export interface ContainerWriterOptions extends Omit<PackStoring, 'chunkIndex'> {
  readonly vault: VaultKeys;
  readonly compression?: CompressionPolicy;
  /** Stored bytes after which a segment ends. @default 64 MiB */
  readonly segmentTargetBytes?: number;
  /** Parts of the upload are no smaller; the store, too, has a size that they must have. @default 16 MiB */
  readonly leastPartBytes?: number;
}

interface PlacedChunk extends StoredChunk {
  location: ChunkLocation | undefined;
}

/**
 * Writes a container: one object with chunks, pages and a root, which grows by parts and can be larger than memory.
 * It can be suspended and gone on with in another process.
 *
 * A container keeps its id, so going on twice from one suspended state seals frames of the same numbers again. That is
 * harmless only because nobody can read the parts of an unfinished upload, and only one of the uploads completes.
 * After a failure, go on from the last suspended state, or abort and start anew. The end has two steps, so that what
 * takes long is not repeated: {@link ContainerWriter.seal}, then {@link completeContainer}.
 */
export class ContainerWriter implements PageSink {
  /** The container as references to its frames hold it. Its id never changes. */
  readonly pack: PagePack;
  readonly #options: ContainerWriterOptions;
  readonly #dataKey: DataKey;
  readonly #cipher: FrameCipher;
  readonly #parts: PartUploader;
  readonly #partBytes: number;
  readonly #queue = new SerialQueue();
  readonly #filler = new FrameFiller<PlacedChunk>();
  #frames: ListedFrame[] = [];
  #contents = 0;
  #position: number;
  #segmentStart: number;
  #frame: number;
  #previousFooter: number;
  #scratch = Buffer.alloc(0);
  #failure: { readonly error: unknown } | undefined;

  private constructor(
    options: ContainerWriterOptions,
    dataKey: DataKey,
    parts: PartUploader,
    state: ContainerState,
  ) {
    this.pack = { packId: state.packId };
    this.#options = options;
    this.#dataKey = dataKey;
    this.#cipher = new FrameCipher(dataKey.objectKey(state.packId), options.vault.vaultId, state.packId);
    this.#parts = parts;
    this.#partBytes = state.partBytes;
    this.#position = state.position;
    this.#segmentStart = state.position;
    this.#frame = state.nextFrame;
    this.#previousFooter = state.previousFooter;
  }

  /**
   * Claims a new container in the catalog and starts its upload.
   * @param expectedBytes - about how large it will be; decides the size of its parts.
   */
  static async start(options: ContainerWriterOptions, expectedBytes: number): Promise<ContainerWriter> {
    const { catalog, store, vault, random, lease, signal } = options;
    const { retentionClass, runId, leaseUntil } = lease;
    const dataKey = await vault.currentDataKey();
    const packId = newId<PackId>(random);
    await catalog.packs.claim({ packId, kind: 'container', retentionClass, runId, lockUntil: leaseUntil });
    const put = putOptions(lease, signal);
    const upload = await store.startMultipart(containerName(packId), put);
    const partBytes = planPartBytes(expectedBytes, options.leastPartBytes);
    const header = Buffer.alloc(headerBytes);
    writeHeader(header, { kind: 'container', keyId: dataKey.keyId, packId });
    const parts = new PartUploader({ ...options, upload, put, partBytes });
    await parts.write(header);
    return new ContainerWriter(options, dataKey, parts, {
      formatVersion: 1,
      packId,
      keyId: dataKey.keyId,
      partBytes,
      position: headerBytes,
      nextFrame: 0,
      previousFooter: 0,
      upload: upload.state(),
      carrySha256: hash('sha256', header),
    });
  }

  /**
   * Goes on where `suspend` stopped, in whatever process.
   * @throws {@link StoredBytesDamagedError} the carried bytes are not those that the writer had.
   */
  static async resume(
    options: ContainerWriterOptions,
    state: ContainerState,
    carry: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<ContainerWriter> {
    const put = putOptions(options.lease, options.signal);
    const upload = options.store.resumeMultipart(state.upload, put);
    const parts = new PartUploader({ ...options, upload, put, partBytes: state.partBytes });
    for await (const piece of checkCarry(state, carry)) await parts.write(piece);
    return new ContainerWriter(options, await options.vault.dataKey(state.keyId), parts, state);
  }

  get position(): number {
    return this.#position;
  }

  /**
   * Takes a chunk, whose place is known once its frame is complete, with its segment at the latest: `settle` settles all.
   * `plain` is the caller's again when the promise settles. Calls may overlap.
   */
  async addChunk(id: ChunkId, plain: Uint8Array): Promise<StoredChunk> {
    return this.#run(async () => {
      const chunk: PlacedChunk = { id, plainBytes: plain.length, location: undefined };
      await this.#appendChunks(this.#filler.add(chunk, plain));
      return chunk;
    });
  }

  /** Ends the frame that chunks are being gathered for. */
  async settle(): Promise<void> {
    await this.#run(async () => this.#appendChunks(this.#filler.end()));
  }

  async add(encode: (pack: PagePack) => EncodedPage): Promise<PageLocation> {
    const position = await this.#run(async () => {
      const { pageId, bytes } = encode(this.pack);
      return this.#append('page', [{ id: pageId, plainBytes: bytes.length }], bytes);
    });
    return { pack: this.pack, ...position };
  }

  /**
   * Ends the segment, waits for the upload, and gives what {@link resume} takes. Nothing may be added afterwards.
   * @returns with `carry`, bytes that are less than a part; a view that nobody changes any more.
   */
  async suspend(): Promise<SuspendedContainer> {
    return this.#run(async () => {
      await this.#endSegment();
      const { upload, carry } = await this.#parts.suspend();
      this.#end('the container was suspended; go on with a resumed writer');
      return {
        state: {
          formatVersion: 1,
          packId: this.pack.packId,
          keyId: this.#dataKey.keyId,
          partBytes: this.#partBytes,
          position: this.#position,
          nextFrame: this.#frame,
          previousFooter: this.#previousFooter,
          upload,
          carrySha256: hash('sha256', carry),
        },
        carry,
      };
    });
  }

  /**
   * Ends the container with its root and the wrapped keys that it needs, and uploads all of it. The result is for
   * {@link completeContainer}; nothing may be added afterwards.
   * @throws {@link VaultMissingError} the store has no `format.json`.
   */
  async seal(root: Uint8Array): Promise<SealedContainer> {
    return this.#run(async () => {
      await this.#endSegment();
      const { frame, offset, length } = await this.#write('root', root);
      await this.#parts.write(await this.#keyBlock());
      const trailer = Buffer.alloc(footerBytes);
      const end = { kind: 'container', offset, length, frame, previousFooter: this.#previousFooter } as const;
      writeFooter(trailer, 0, end, 'trailer');
      await this.#parts.write(trailer);
      const upload = await this.#parts.flush();
      this.#end('the container was sealed');
      return { packId: this.pack.packId, upload };
    });
  }

  /** Frees the uploaded parts. The row is left to the sweeper. */
  async abort(): Promise<void> {
    await this.#parts.abort();
  }

  async #keyBlock(): Promise<Uint8Array> {
    const { store, vault, retry = defaultRetryPolicy, signal } = this.#options;
    return retryUnavailable(
      async () => collectKeyBlock(store, vault.vaultId, this.#dataKey),
      this.#options,
      retry,
      signal,
    );
  }

  #end(message: string): void {
    this.#failure = { error: new InvalidInputError(message) };
  }

  async #run<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#queue.run(async () => {
      if (this.#failure !== undefined) throw this.#failure.error;
      try {
        return await work();
      } catch (error) {
        this.#failure = { error };
        throw error;
      }
    });
  }

  async #appendChunks(filled: FilledFrame<PlacedChunk> | undefined): Promise<void> {
    if (filled === undefined) return;
    const { chunks, plain } = filled;
    const position = await this.#append('chunk', chunks, plain);
    const listed = listChunks(this.pack.packId, [{ kind: 'chunk', ...position, contents: chunks }]);
    for (const chunk of chunks) chunk.location = listed.next().value?.location;
  }

  async #append(
    kind: ListedFrameKind,
    contents: readonly ListedContent[],
    plain: Uint8Array,
  ): Promise<FramePosition> {
    const position = await this.#write(kind, plain);
    this.#frames.push({ kind, ...position, contents });
    this.#contents += contents.length;
    const full =
      this.#position - this.#segmentStart >= (this.#options.segmentTargetBytes ?? defaultSegmentTargetBytes);
    if (full || this.#contents >= maxContentsPerSegment) await this.#endSegment();
    return position;
  }

  async #write(kind: FrameKind, plain: Uint8Array): Promise<FramePosition> {
    if (this.#frame > maxFrameNumber)
      throw new InvalidInputError(`container ${this.pack.packId} has too many frames`);
    const needed = plain.length + frameOverheadBytes;
    if (this.#scratch.length < needed)
      this.#scratch = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#scratch.length));
    const { compression = defaultCompressionPolicy } = this.#options;
    const context = { cipher: this.#cipher, packId: this.pack.packId, compression };
    const length = sealFrame(context, kind, this.#frame, plain, this.#scratch, 0);
    await this.#parts.write(this.#scratch.subarray(0, length));
    const position = { frame: this.#frame, offset: this.#position, length };
    this.#frame++;
    this.#position += length;
    return position;
  }

  /** Ends the frame that has begun as well: no chunk waits for its place beyond a segment, whatever comes behind it. */
  async #endSegment(): Promise<void> {
    await this.#appendChunks(this.#filler.end());
    const [first] = this.#frames;
    if (first === undefined) return;
    const plain = encodeDirectory({
      firstFrame: first.frame,
      firstOffset: first.offset,
      frames: this.#frames,
    });
    const directory = await this.#write('directory', plain);
    const footer = Buffer.alloc(footerBytes);
    writeFooter(footer, 0, { kind: 'container', ...directory, previousFooter: this.#previousFooter });
    this.#previousFooter = this.#position;
    await this.#parts.write(footer);
    this.#position += footerBytes;
    this.#segmentStart = this.#position;
    this.#frames = [];
    this.#contents = 0;
  }
}

/**
 * Makes an object of a sealed container's parts, and its row live. It reads nothing of the object, as a store that has
 * frozen it would refuse; the store has verified every part. Any process may repeat it: a container that is complete
 * already is recognised by its parts.
 * @throws {@link CatalogConflictError} its row was swept meanwhile: write it anew.
 */
export async function completeContainer(
  options: ContainerWriterOptions,
  { packId, upload }: SealedContainer,
): Promise<StoredPack> {
  const { catalog, store, lease, retry = defaultRetryPolicy, signal } = options;
  const sealed = store.resumeMultipart(upload, putOptions(lease, signal));
  const { name, versionId, bytes } = await retryUnavailable(
    async () => sealed.complete(),
    options,
    retry,
    signal,
  );
  const { retentionClass, leaseUntil: lockedUntil } = lease;
  const confirmed = await retryUnavailable(
    async () => catalog.packs.confirm(packId, { versionId, bytes, lockedUntil }),
    options,
    retry,
    signal,
  );
  if (confirmed === 'lost')
    throw new CatalogConflictError(`container ${packId} was swept while it was written; write it anew`);
  return { packId, kind: 'container', retentionClass, name, versionId, bytes, lockedUntil };
}
