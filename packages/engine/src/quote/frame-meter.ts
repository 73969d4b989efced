import { newId } from '../bytes.ts';
import type { ChunkId, PackId } from '../ids.ts';
import type { DataKey, VaultKeys } from '../keys/vault-keys.ts';
import { workRates } from '../model/worker.ts';
import type { ChunkLocation } from '../packs/chunk-location.ts';
import type { CompressionPolicy } from '../packs/frame-codec.ts';
import { PackBuilder } from '../packs/pack-builder.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';

export interface FrameMeterOptions {
  readonly vault: VaultKeys;
  readonly random: RandomBytes;
  readonly compression?: CompressionPolicy | undefined;
}

/** Fills packs as a writer does, to see how long they become, and keeps none of them. */
export class FrameMeter {
  readonly #options: FrameMeterOptions;
  readonly #dataKey: DataKey;
  #builder: PackBuilder;
  /** Frames of the pack that is being filled, by whose content they have. */
  #frames: { readonly owner: number; readonly bytes: number }[] = [];
  readonly #bytes = new Map<number, number>();

  private constructor(options: FrameMeterOptions, dataKey: DataKey) {
    this.#options = options;
    this.#dataKey = dataKey;
    this.#builder = this.#open(Buffer.allocUnsafeSlow(workRates.packBytes));
  }

  static async make(options: FrameMeterOptions): Promise<FrameMeter> {
    return new FrameMeter(options, await options.vault.currentDataKey());
  }

  /** @param owner - whose bytes these are; see {@link bytesOf}. */
  add(owner: number, id: ChunkId, plain: Uint8Array): ChunkLocation {
    if (!this.#builder.fits(plain.length)) this.#close();
    const position = this.#builder.append('chunk', id, plain);
    this.#frames.push({ owner, bytes: position.length });
    return { packId: this.#builder.pack.packId, ...position };
  }

  /** Bytes that an owner's chunks take up, with their part of the packs' directories. Ends the pack being filled. */
  bytesOf(owner: number): number {
    this.#close();
    return this.#bytes.get(owner) ?? 0;
  }

  #close(): void {
    if (this.#frames.length === 0) return;
    this.#builder.seal();
    const framed = this.#frames.reduce((sum, { bytes }) => sum + bytes, 0);
    const beside = (this.#builder.length - framed) / this.#frames.length;
    for (const { owner, bytes } of this.#frames)
      this.#bytes.set(owner, (this.#bytes.get(owner) ?? 0) + bytes + beside);
    this.#frames = [];
    this.#builder = this.#open(this.#builder.slab);
  }

  #open(slab: Buffer): PackBuilder {
    const { vault, random, compression } = this.#options;
    const packId = newId<PackId>(random);
    return new PackBuilder({ kind: 'chunks', vault, dataKey: this.#dataKey, packId, slab, compression });
  }
}
