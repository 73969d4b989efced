import { newId } from '../bytes.ts';
import type { ChunkId, PackId } from '../ids.ts';
import type { DataKey, VaultKeys } from '../keys/vault-keys.ts';
import { workRates } from '../model/worker.ts';
import type { ChunkLocation } from '../packs/chunk-location.ts';
import { encodeContent, type CompressionPolicy } from '../packs/frame-codec.ts';
import { FrameFiller, type FilledFrame } from '../packs/frame-filler.ts';
import { PackBuilder } from '../packs/pack-builder.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';

export interface FrameMeterOptions {
  readonly vault: VaultKeys;
  readonly random: RandomBytes;
  readonly compression?: CompressionPolicy | undefined;
}

interface OwnedChunk {
  readonly id: ChunkId;
  readonly plainBytes: number;
  readonly owner: number;
  /** Stored bytes of the chunk in a frame of its own. */
  readonly aloneBytes: number;
}

/** Fills packs as a writer does, to see how long they become, and keeps none of them. */
export class FrameMeter {
  readonly #options: FrameMeterOptions;
  readonly #dataKey: DataKey;
  readonly #filler = new FrameFiller<OwnedChunk>();
  #builder: PackBuilder;
  #frames: (readonly OwnedChunk[])[] = [];
  readonly #bytes = new Map<number, number>();

  private constructor(options: FrameMeterOptions, dataKey: DataKey) {
    this.#options = options;
    this.#dataKey = dataKey;
    this.#builder = this.#open(Buffer.allocUnsafeSlow(workRates.packBytes));
  }

  static async make(options: FrameMeterOptions): Promise<FrameMeter> {
    return new FrameMeter(options, await options.vault.currentDataKey());
  }

  /**
   * @param owner - whose bytes these are; see {@link bytesOf}.
   * @returns a place with numbers about as long as those of the real one, which its frame has to be complete for.
   */
  add(owner: number, id: ChunkId, plain: Uint8Array): ChunkLocation {
    const plainBytes = plain.length;
    const { pack, frames, length: offset } = this.#builder;
    const aloneBytes = encodeContent(plain, this.#options.compression).payload.length;
    this.#append(this.#filler.add({ id, plainBytes, owner, aloneBytes }, plain));
    const [start, contentBytes] = FrameFiller.shares(plainBytes)
      ? [plainBytes, 3 * plainBytes]
      : [0, plainBytes];
    return { packId: pack.packId, frame: frames.length, offset, length: contentBytes, contentBytes, start };
  }

  /** Bytes that an owner's chunks take up, with their part of the packs' directories. Ends the pack being filled. */
  bytesOf(owner: number): number {
    this.#append(this.#filler.end());
    this.#close();
    return this.#bytes.get(owner) ?? 0;
  }

  #append(filled: FilledFrame<OwnedChunk> | undefined): void {
    if (filled === undefined) return;
    const { chunks, plain } = filled;
    if (!this.#builder.fits(chunks)) this.#close();
    this.#builder.append('chunk', chunks, plain);
    this.#frames.push(chunks);
  }

  #close(): void {
    if (this.#frames.length === 0) return;
    this.#builder.seal();
    const { frames, length } = this.#builder;
    const framed = frames.reduce((sum, frame) => sum + frame.length, 0);
    const chunks = this.#frames.reduce((sum, { length: count }) => sum + count, 0);
    const beside = (length - framed) / chunks;
    for (const [index, inFrame] of this.#frames.entries()) {
      // By what each would take alone: noise is not cheaper because texts share its frame.
      const alone = inFrame.reduce((sum, { aloneBytes }) => sum + aloneBytes, 0);
      const rate = (frames[index]?.length ?? 0) / alone;
      for (const { owner, aloneBytes } of inFrame)
        this.#bytes.set(owner, (this.#bytes.get(owner) ?? 0) + aloneBytes * rate + beside);
    }
    this.#frames = [];
    this.#builder = this.#open(this.#builder.slab);
  }

  #open(slab: Buffer): PackBuilder {
    const { vault, random, compression } = this.#options;
    const packId = newId<PackId>(random);
    return new PackBuilder({ kind: 'chunks', vault, dataKey: this.#dataKey, packId, slab, compression });
  }
}
