import { createHash, hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { BlockContent, BlockPage, BlockSource, SnapshotBlock } from '@holdfast/engine';
import { ebsBlockBytes, ebsPageBlocks } from '@holdfast/engine/model';

/** Blocks of a page here, which counts as so much of a full one: a TiB has 210 pages, these volumes would have one. */
const partBlocks = 512;

/**
 * A volume full of a program's code: every block is a stretch of Node's own executable, which begins anywhere in it, so
 * that no two are the same.
 */
export class ProgramVolume implements BlockSource {
  readonly #program = readFileSync(process.execPath);
  readonly #blocks: number;
  /** Snapshot → the snapshot in which each block was written last. */
  readonly #writtenIn = new Map<string, readonly string[]>();
  readonly counts = { pages: 0, blocks: 0 };

  /** @param first - name of the first snapshot. */
  constructor(blocks: number, first: string) {
    this.#blocks = blocks;
    this.#writtenIn.set(
      first,
      Array.from({ length: blocks }, () => first),
    );
  }

  get bytes(): number {
    return this.#blocks * ebsBlockBytes;
  }

  /** Takes a snapshot in which a share of the blocks, scattered over the volume, is other than in an earlier one. */
  change(before: string, snapshot: string, share: number): void {
    const writtenIn = [...this.#snapshot(before)];
    const byHash = writtenIn.map((_, index) => ({ index, order: hash('sha256', `${snapshot} ${index}`) }));
    byHash.sort((a, b) => (a.order < b.order ? -1 : 1));
    for (const { index } of byHash.slice(0, Math.round(this.#blocks * share))) writtenIn[index] = snapshot;
    this.#writtenIn.set(snapshot, writtenIn);
  }

  async *list(snapshot: string, from: number): AsyncGenerator<BlockPage> {
    yield* this.#pages(snapshot, from, () => true);
  }

  async *listChanged(snapshot: string, base: string, from: number): AsyncGenerator<BlockPage> {
    const [now, before] = [this.#snapshot(snapshot), this.#snapshot(base)];
    yield* this.#pages(snapshot, from, (index) => now[index] !== before[index]);
  }

  async read(snapshot: string, { index }: Required<SnapshotBlock>): Promise<BlockContent> {
    this.counts.blocks += 1;
    const place = hash('sha256', `${this.#snapshot(snapshot)[index]} ${index}`, 'buffer').readUInt32BE(0);
    const begin = place % (this.#program.length - ebsBlockBytes);
    const bytes = Uint8Array.from(this.#program.subarray(begin, begin + ebsBlockBytes));
    return Promise.resolve({ bytes, sha256: createHash('sha256').update(bytes).digest() });
  }

  /** Each page looks at so many blocks, and shows those that are asked for. */
  *#pages(snapshot: string, from: number, isListed: (index: number) => boolean): Generator<BlockPage> {
    for (let at = from; at < this.#blocks; at += partBlocks) {
      const length = Math.min(partBlocks, this.#blocks - at);
      this.counts.pages += length / ebsPageBlocks;
      const blocks = Array.from({ length }, (_, after) => at + after)
        .filter(isListed)
        .map((index) => ({ index, token: `${snapshot} ${index}`.padEnd(60) }));
      yield { bytes: this.bytes, blockBytes: ebsBlockBytes, blocks };
    }
  }

  #snapshot(name: string): readonly string[] {
    const writtenIn = this.#writtenIn.get(name);
    if (writtenIn === undefined) throw new Error(`there is no snapshot ${name}`);
    return writtenIn;
  }
}
