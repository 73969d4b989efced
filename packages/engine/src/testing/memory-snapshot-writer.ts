import { createHash } from 'node:crypto';
import { equalBytes } from '../bytes.ts';
import { InvalidInputError, TargetUnavailableError } from '../errors.ts';
import type { BlockToWrite, SnapshotOrder, SnapshotWriter, WrittenBlocks } from '../ports/snapshot-writer.ts';

/** A snapshot that was written. */
export interface WrittenSnapshot {
  readonly order: SnapshotOrder;
  /** By index; only its own, not its parent's. */
  readonly blocks: Map<number, Uint8Array>;
  state: 'pending' | 'completed' | 'error';
}

/** Snapshots in memory that are written by the block, refusals included. The maps and `most` are for tests. */
export class MemorySnapshotWriter implements SnapshotWriter {
  readonly snapshots = new Map<string, WrittenSnapshot>();
  /** Most snapshots that may be pending. */
  most = 100;
  /** Blocks that were written, repetitions too. */
  writes = 0;
  readonly #tokens = new Map<string, { readonly order: string; readonly snapshot: string }>();

  async start(order: SnapshotOrder): Promise<{ readonly snapshot: string } | 'busy'> {
    await Promise.resolve();
    const known = this.#tokens.get(order.clientToken);
    if (known !== undefined) {
      if (known.order === JSON.stringify(order)) return { snapshot: known.snapshot };
      throw new InvalidInputError(`token ${order.clientToken} was used for another order`);
    }
    const pending = [...this.snapshots.values()].filter(({ state }) => state === 'pending');
    if (pending.length >= this.most) return 'busy';
    const snapshot = `snap-${String(this.snapshots.size + 1).padStart(17, '0')}`;
    this.#tokens.set(order.clientToken, { order: JSON.stringify(order), snapshot });
    this.snapshots.set(snapshot, { order, blocks: new Map(), state: 'pending' });
    return { snapshot };
  }

  async write(snapshot: string, { index, bytes, sha256 }: BlockToWrite): Promise<void> {
    await Promise.resolve();
    const { blocks } = this.#open(snapshot);
    const digest = createHash('sha256').update(bytes).digest();
    if (!equalBytes(digest, sha256))
      throw new TargetUnavailableError(`block ${index} of ${snapshot} does not fit its checksum`);
    blocks.set(index, new Uint8Array(bytes));
    this.writes += 1;
  }

  async complete(snapshot: string, written: WrittenBlocks): Promise<'sealed' | 'sealed-already'> {
    await Promise.resolve();
    const found = this.#find(snapshot);
    if (found.state !== 'pending') return 'sealed-already';
    const hash = createHash('sha256');
    for (const [, bytes] of [...found.blocks].sort(([a], [b]) => a - b))
      hash.update(createHash('sha256').update(bytes).digest());
    if (written.blocks !== found.blocks.size || !equalBytes(hash.digest(), written.sha256))
      throw new TargetUnavailableError(`snapshot ${snapshot} has other blocks than it is sealed with`);
    found.state = 'completed';
    return 'sealed';
  }

  #find(snapshot: string): WrittenSnapshot {
    const found = this.snapshots.get(snapshot);
    if (found !== undefined) return found;
    throw new TargetUnavailableError(`snapshot ${snapshot} does not exist`);
  }

  #open(snapshot: string): WrittenSnapshot {
    const found = this.#find(snapshot);
    if (found.state === 'pending') return found;
    throw new TargetUnavailableError(`snapshot ${snapshot} takes no blocks`);
  }
}
