import type { BackupError } from '../errors.ts';
import { forEachConcurrent } from '../map-concurrent.ts';
import type { VolumeEntry } from '../manifest/volume-entry.ts';
import { errorRecordOf, type ErrorRecord } from '../model/error-record.ts';
import type { ReportProgress } from '../ports/progress.ts';
import type { VolumeTarget } from '../ports/volume-target.ts';
import type { FetchPolicy } from './chunk-fetcher.ts';
import { findLostBlocks } from './lost-blocks.ts';
import { PointReader } from './point-reader.ts';
import { readBlocks, type VolumeBlock, type VolumeRange } from './volume-blocks.ts';

/** Most damaged stretches that an outcome spells out; the rest is counted. */
const damagedNamed = 1_000;

/** A stretch of a volume that could not be read, and is zeros in the target. */
export interface DamagedStretch extends ErrorRecord {
  readonly offset: number;
  readonly bytes: number;
}

export interface VolumeOutcome {
  /** Blocks that were read from the vault and written. */
  readonly writtenBlocks: number;
  readonly writtenBytes: number;
  /** Blocks that the target had already. */
  readonly sameBlocks: number;
  readonly sameBytes: number;
  /** Only where the restore goes on at damage. In order, neighbours as one. */
  readonly damaged: readonly DamagedStretch[];
  readonly damagedBytes: number;
  /** Offset of the first block that another call has to go on with, when the time was up. */
  readonly next?: number;
}

export interface RestoreVolumeOptions {
  readonly target: VolumeTarget;
  /** @default all of the volume */
  readonly range?: VolumeRange;
  /** @default 1 */
  readonly writesAtOnce?: number;
  /**
   * `name`: leaves out what cannot be read, so that it is zeros in the target, and names it: for whoever prefers a part
   * of a disk to none. @default the first damaged block is an error
   */
  readonly damage?: 'name' | undefined;
  /**
   * Asked before each block but the first. When true, the call ends with the blocks that are being read by then, and
   * another goes on. @default never
   */
  readonly shouldStop?: () => boolean;
  readonly fetch?: FetchPolicy | undefined;
  readonly onProgress?: ReportProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes the blocks of a volume into a target that reads as zeros, each verified by its id. Can be repeated after a
 * failure: blocks that the target has are not read again. Memory: the fetcher's windows, and a block for each write.
 * @throws {@link VolumeDamagedError} a block is damaged.
 */
export async function restoreVolume(
  reader: PointReader,
  volume: VolumeEntry,
  options: RestoreVolumeOptions,
): Promise<VolumeOutcome> {
  const { target, range, writesAtOnce = 1, shouldStop = () => false, fetch, signal } = options;
  const count = { writtenBlocks: 0, writtenBytes: 0, sameBlocks: 0, sameBytes: 0 };
  const damaged = new DamageList();
  const readable =
    options.damage === undefined ? reader : await withoutLost(reader, volume, range ?? {}, damaged, signal);
  const report = (): void =>
    options.onProgress?.({
      step: 'restore',
      files: 0,
      bytes: count.writtenBytes + count.sameBytes,
    });

  let next: number | undefined;
  let isFirst = true;
  const isWanted = async (block: VolumeBlock): Promise<boolean> => {
    if (next === undefined && !isFirst && shouldStop()) next = block.offset;
    if (next !== undefined) return false;
    isFirst = false;
    const isSame = (bytes: Uint8Array): boolean => reader.keys.chunkId(bytes) === block.id;
    if (!(await target.has(block, isSame))) return true;
    count.sameBlocks += 1;
    count.sameBytes += block.plainBytes;
    report();
    return false;
  };
  const onDamage = (block: VolumeBlock, error: BackupError): void =>
    damaged.add(block.offset, block.plainBytes, error);
  const blocks = readBlocks(readable, volume, {
    range,
    isWanted,
    onDamage: options.damage && onDamage,
    fetch,
    signal,
  });
  await forEachConcurrent(blocks, writesAtOnce, async ({ block, bytes }) => {
    await target.write(block.offset, bytes, signal);
    count.writtenBlocks += 1;
    count.writtenBytes += block.plainBytes;
    report();
  });
  return { ...count, ...damaged.list(), next };
}

/** A reader that passes over the lost pages of a manifest; what they cost is noted. */
async function withoutLost(
  reader: PointReader,
  volume: VolumeEntry,
  { from = 0, to = volume.bytes }: VolumeRange,
  damaged: DamageList,
  signal: AbortSignal | undefined,
): Promise<PointReader> {
  const lost = await findLostBlocks(reader, volume, signal);
  for (const stretch of lost.stretches) {
    const [begin, end] = [Math.max(from, stretch.from), Math.min(to, stretch.to)];
    if (begin < end) damaged.add(begin, end - begin, stretch.error);
  }
  return new PointReader(reader.store, reader.keys, reader.root, { lostPages: lost.pages });
}

class DamageList {
  readonly #stretches: DamagedStretch[] = [];
  #bytes = 0;

  add(offset: number, bytes: number, error: BackupError): void {
    this.#bytes += bytes;
    const last = this.#stretches.at(-1);
    if (last !== undefined && last.offset + last.bytes === offset)
      this.#stretches[this.#stretches.length - 1] = { ...last, bytes: last.bytes + bytes };
    else if (this.#stretches.length < damagedNamed)
      this.#stretches.push({ offset, bytes, ...errorRecordOf(error) });
  }

  list(): Pick<VolumeOutcome, 'damaged' | 'damagedBytes'> {
    const damaged = this.#stretches.toSorted((a, b) => a.offset - b.offset);
    return { damaged, damagedBytes: this.#bytes };
  }
}
