import type { BlockToWrite, SnapshotOrder, SnapshotWriter, WrittenBlocks } from '../ports/snapshot-writer.ts';
import type { Pacer } from './pacer.ts';

/** A writer of snapshots that writes a block only when it is its turn. Beginning and sealing are rare, and do not wait. */
export class PacedSnapshotWriter implements SnapshotWriter {
  readonly #writer: SnapshotWriter;
  readonly #pacer: Pick<Pacer, 'take'>;

  constructor(writer: SnapshotWriter, pacer: Pick<Pacer, 'take'>) {
    this.#writer = writer;
    this.#pacer = pacer;
  }

  async start(order: SnapshotOrder, signal?: AbortSignal): Promise<{ readonly snapshot: string } | 'busy'> {
    return this.#writer.start(order, signal);
  }

  async write(snapshot: string, block: BlockToWrite, signal?: AbortSignal): Promise<void> {
    await this.#pacer.take(snapshot, signal);
    await this.#writer.write(snapshot, block, signal);
  }

  async complete(
    snapshot: string,
    written: WrittenBlocks,
    signal?: AbortSignal,
  ): Promise<'sealed' | 'sealed-already'> {
    return this.#writer.complete(snapshot, written, signal);
  }
}
