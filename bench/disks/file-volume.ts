import { execFileSync } from 'node:child_process';
import { createHash, hash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { BlockContent, BlockPage, BlockSource, SnapshotBlock } from '@holdfast/engine';
import { ebsBlockBytes, ebsPageBlocks } from '@holdfast/engine/model';

/** A volume whose content is a file, which changes from snapshot to snapshot; only the last one can be read. */
export class FileVolume implements BlockSource {
  readonly file: string;
  readonly bytes: number;
  /** Blocks that were read so far. */
  reads = 0;
  /** Snapshot → index of each block that is not zeros → hash of its content. */
  readonly #snapshots = new Map<string, ReadonlyMap<number, string>>();

  constructor(file: string) {
    this.file = file;
    this.bytes = statSync(file).size;
  }

  takeSnapshot(snapshot: string): void {
    const blocks = new Map<number, string>();
    this.#withFile((handle) => {
      for (const index of writtenBlocks(this.file)) {
        const bytes = this.#block(handle, index);
        if (bytes.some((byte) => byte !== 0)) blocks.set(index, hash('sha256', bytes));
      }
    });
    this.#snapshots.set(snapshot, blocks);
  }

  async *list(snapshot: string): AsyncGenerator<BlockPage> {
    yield* this.#pages([...this.#of(snapshot).keys()].map((index) => ({ index, token: snapshot })));
  }

  async *listChanged(snapshot: string, base: string): AsyncGenerator<BlockPage> {
    const [now, before] = [this.#of(snapshot), this.#of(base)];
    const all = [...new Set([...now.keys(), ...before.keys()])].sort((one, other) => one - other);
    const changed = all.filter((index) => now.get(index) !== before.get(index));
    yield* this.#pages(changed.map((index) => ({ index, ...(now.has(index) && { token: snapshot }) })));
  }

  async read(_snapshot: string, { index }: Required<SnapshotBlock>): Promise<BlockContent> {
    this.reads += 1;
    const bytes = this.#withFile((handle) => this.#block(handle, index));
    return Promise.resolve({ bytes, sha256: createHash('sha256').update(bytes).digest() });
  }

  *#pages(blocks: readonly SnapshotBlock[]): Generator<BlockPage> {
    for (let at = 0; at === 0 || at < blocks.length; at += ebsPageBlocks)
      yield {
        bytes: this.bytes,
        blockBytes: ebsBlockBytes,
        blocks: blocks.slice(at, at + ebsPageBlocks),
      };
  }

  #of(snapshot: string): ReadonlyMap<number, string> {
    const blocks = this.#snapshots.get(snapshot);
    if (blocks === undefined) throw new Error(`there is no snapshot ${snapshot}`);
    return blocks;
  }

  #block(handle: number, index: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(ebsBlockBytes, this.bytes - index * ebsBlockBytes));
    readSync(handle, bytes, 0, bytes.length, index * ebsBlockBytes);
    return bytes;
  }

  #withFile<Result>(work: (handle: number) => Result): Result {
    const handle = openSync(this.file, 'r');
    try {
      return work(handle);
    } finally {
      closeSync(handle);
    }
  }
}

/** Blocks of which a file has anything on its disk, in order. */
function writtenBlocks(file: string): readonly number[] {
  const map = execFileSync('qemu-img', ['map', '-f', 'raw', '--output=json', file], {
    maxBuffer: 2 ** 28,
  });
  const extents = JSON.parse(map.toString()) as { start: number; length: number; data: boolean }[];
  const blocks = new Set<number>();
  for (const { start, length, data } of extents)
    if (data)
      for (let at = Math.floor(start / ebsBlockBytes); at * ebsBlockBytes < start + length; at += 1)
        blocks.add(at);
  return [...blocks];
}
