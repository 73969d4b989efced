import { type ByteSource, DiskBytesLostError } from '@holdfast/disk';
import type { ChunkId, PointReader } from '@holdfast/engine';
import type { ChangedPlaces } from './changed-places.ts';

/** A stretch of a volume that something was read from. */
export interface RecordedRead {
  readonly volume: string;
  readonly offset: number;
  readonly bytes: number;
  /** Of the bytes. */
  readonly id: ChunkId;
}

export interface Recorded<Result> {
  readonly result: Result;
  readonly reads: readonly RecordedRead[];
}

/** A volume of a point, by its id. */
export type FindVolume = (volume: string) => Promise<ByteSource | undefined>;

/** Notes what work reads of an image, one piece of work at a time. */
export class ReadRecorder {
  readonly #keys: Pick<PointReader['keys'], 'chunkId'>;
  #reads: RecordedRead[] | undefined;

  /** @param keys - of the vault; bytes are known again by their ids. */
  constructor(keys: Pick<PointReader['keys'], 'chunkId'>) {
    this.#keys = keys;
  }

  /** To be told of all that is read of the image. */
  readonly onRead = (volume: string, offset: number, bytes: Uint8Array): void => {
    this.#reads?.push({ volume, offset, bytes: bytes.length, id: this.#keys.chunkId(bytes) });
  };

  async record<Result>(work: () => Promise<Result>): Promise<Recorded<Result>> {
    const reads: RecordedRead[] = [];
    this.#reads = reads;
    try {
      return { result: await work(), reads };
    } finally {
      this.#reads = undefined;
    }
  }

  /**
   * Tells whether work would read the same in another point: of blocks that did not change that is known, of the others
   * the bytes are compared. What had problems is never the same: a read that failed is not among the reads.
   */
  async isSame(
    { result, reads }: Recorded<{ readonly problems: readonly string[] }>,
    changed: ChangedPlaces,
    findVolume: FindVolume,
  ): Promise<boolean> {
    if (result.problems.length > 0) return false;
    try {
      for (const { id, ...read } of reads) {
        if (!changed.has(read)) continue;
        const source = await findVolume(read.volume);
        if (source === undefined || read.offset + read.bytes > source.bytes) return false;
        if (this.#keys.chunkId(await source.read(read.offset, read.bytes)) !== id) return false;
      }
      return true;
    } catch (error) {
      // Whoever reads it to use it says so.
      if (error instanceof DiskBytesLostError) return false;
      throw error;
    }
  }
}
