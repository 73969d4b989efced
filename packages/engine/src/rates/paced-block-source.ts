import type {
  BlockContent,
  BlockPage,
  BlockSource,
  PagePlace,
  SnapshotBlock,
} from '../ports/block-source.ts';
import type { Pacer } from './pacer.ts';

/** A source of blocks that reads one only when it is its turn. Lists are few, and do not wait. */
export class PacedBlockSource implements BlockSource {
  readonly #source: BlockSource;
  readonly #pacer: Pick<Pacer, 'take'>;

  constructor(source: BlockSource, pacer: Pick<Pacer, 'take'>) {
    this.#source = source;
    this.#pacer = pacer;
  }

  list(snapshot: string, from: number | PagePlace, signal?: AbortSignal): AsyncIterable<BlockPage> {
    return this.#source.list(snapshot, from, signal);
  }

  listChanged(
    snapshot: string,
    base: string,
    from: number | PagePlace,
    signal?: AbortSignal,
  ): AsyncIterable<BlockPage> {
    return this.#source.listChanged(snapshot, base, from, signal);
  }

  async read(
    snapshot: string,
    block: Required<SnapshotBlock>,
    signal?: AbortSignal,
  ): Promise<BlockContent | 'expired'> {
    await this.#pacer.take(snapshot, signal);
    return this.#source.read(snapshot, block, signal);
  }
}
