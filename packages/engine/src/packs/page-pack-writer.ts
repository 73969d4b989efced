import { newId } from '../bytes.ts';
import type { PackId } from '../ids.ts';
import type { DataKey, VaultKeys } from '../keys/vault-keys.ts';
import type { EncodedPage, PageLocation, PagePack, PageSink } from '../manifest/page-store.ts';
import type { CompressionPolicy } from './frame-codec.ts';
import { PackBuilder } from './pack-builder.ts';
import { SerialQueue } from './serial-queue.ts';
import { storePack, type PackStoring, type StoredPack } from './store-pack.ts';

/** Large enough that a point has few of them, small enough that one is a worker's trifle. */
const pagePackTargetBytes = 8 * 1024 * 1024;

const firstSlabBytes = 256 * 1024;

export interface PagePackWriterOptions extends Omit<PackStoring, 'chunkIndex'> {
  readonly vault: VaultKeys;
  readonly compression?: CompressionPolicy;
  /** A pack that has reached this size takes no more pages. @default 8 MiB */
  readonly packTargetBytes?: number;
}

/**
 * Collects manifest pages into packs. A pack is stored before the next one is opened, because the pages of the next
 * one name it. After a failure every further call fails with the same error.
 */
export class PagePackWriter implements PageSink {
  readonly #options: PagePackWriterOptions;
  readonly #dataKey: DataKey;
  readonly #targetBytes: number;
  readonly #queue = new SerialQueue();
  readonly #stored: StoredPack[] = [];
  #slab: Buffer;
  #open: PackBuilder | undefined;
  #failure: { readonly error: unknown } | undefined;

  private constructor(options: PagePackWriterOptions, dataKey: DataKey) {
    this.#options = options;
    this.#dataKey = dataKey;
    this.#targetBytes = options.packTargetBytes ?? pagePackTargetBytes;
    this.#slab = Buffer.allocUnsafeSlow(firstSlabBytes);
  }

  static async open(options: PagePackWriterOptions): Promise<PagePackWriter> {
    return new PagePackWriter(options, await options.vault.currentDataKey());
  }

  add(encode: (pack: PagePack) => EncodedPage): PageLocation | Promise<PageLocation> {
    return this.#queue.run(() => this.#add(encode));
  }

  /** Stores the last pack, so that every reference is final. @returns all packs of this writer, in order. */
  async finish(): Promise<readonly StoredPack[]> {
    await this.#queue.run(async () => this.#ship());
    return [...this.#stored];
  }

  #add(encode: (pack: PagePack) => EncodedPage): PageLocation | Promise<PageLocation> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const full =
      this.#open !== undefined && (this.#open.length >= this.#targetBytes || this.#open.isListFull);
    return full ? this.#ship().then(() => this.#append(encode)) : this.#append(encode);
  }

  #append(encode: (pack: PagePack) => EncodedPage): PageLocation {
    this.#open ??= this.#newPack();
    const { pack } = this.#open;
    const { pageId, bytes } = encode(pack);
    const position = this.#open.append('page', [{ id: pageId, plainBytes: bytes.length }], bytes);
    return { pack, ...position };
  }

  #newPack(): PackBuilder {
    const { vault, random, compression } = this.#options;
    return new PackBuilder({
      kind: 'pages',
      vault,
      dataKey: this.#dataKey,
      packId: newId<PackId>(random),
      slab: this.#slab,
      compression,
    });
  }

  async #ship(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const builder = this.#open;
    if (builder === undefined) return;
    try {
      builder.seal();
      this.#stored.push(await storePack(builder, this.#options));
      this.#slab = builder.slab;
      this.#open = undefined;
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }
}
