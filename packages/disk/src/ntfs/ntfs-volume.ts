import { DiskDamagedError } from '../errors.ts';
import type { OpenFileSystemOptions } from '../file-system/file-system.ts';
import { type ByteSource, watchReads } from '../source/byte-source.ts';
import type { NtfsGeometry } from './ntfs-boot.ts';
import { type ClusterRun, type NtfsRecord, parseRecord } from './ntfs-record.ts';

/** Records of a file system by their numbers, and what all who read them need to know. */
export class NtfsVolume {
  readonly source: ByteSource;
  readonly geometry: NtfsGeometry;
  /** Reasons to doubt what is read, as far as they came up. */
  readonly notices = new Set<string>();
  /** Capital letters; read when a name is first looked up. */
  upCase: Uint16Array | undefined;
  readonly #table: ClusterRun[] = [];
  #records = 0;

  constructor(source: ByteSource, geometry: NtfsGeometry, onRead?: OpenFileSystemOptions['onRead']) {
    this.source = watchReads(source, onRead);
    this.geometry = geometry;
  }

  /** Records of the master file table that are known of. */
  get records(): number {
    return this.#records;
  }

  /** Equal where records lie at the same places. */
  get layout(): string {
    const { geometry, records } = this;
    return JSON.stringify([
      geometry,
      records,
      this.#table.map(({ first, clusters, cluster }) => [first, clusters, cluster]),
    ]);
  }

  /** Adds what comes next of the master file table, up to a size that all of it has. */
  extendTable(runs: readonly ClusterRun[], bytes: number): void {
    this.#table.push(...runs);
    const last = this.#table.at(-1);
    const mapped = last === undefined ? 0 : (last.first + last.clusters) * this.geometry.clusterBytes;
    this.#records = Math.floor(Math.min(bytes, mapped) / this.geometry.recordBytes);
  }

  /** @throws {@link DiskDamagedError} there is no such record, nothing uses it, or it is damaged. */
  async readRecord(number: number, signal?: AbortSignal): Promise<NtfsRecord> {
    if (!Number.isInteger(number) || number < 0 || number >= this.#records)
      throw new DiskDamagedError(`record ${number} is named, but the file system has ${this.#records}`);
    const { clusterBytes, recordBytes } = this.geometry;
    const bytes = new Uint8Array(recordBytes);
    for (let done = 0; done < recordBytes;) {
      const at = number * recordBytes + done;
      const run = this.#runAt(Math.floor(at / clusterBytes));
      if (run.cluster === undefined) throw new DiskDamagedError(`record ${number} is in a hole`);
      const within = at - run.first * clusterBytes;
      const length = Math.min(recordBytes - done, run.clusters * clusterBytes - within);
      bytes.set(await this.source.read(run.cluster * clusterBytes + within, length, signal), done);
      done += length;
    }
    return parseRecord(bytes, number);
  }

  #runAt(place: number): ClusterRun {
    let low = 0;
    let high = this.#table.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#table[middle]?.first ?? 0) <= place) low = middle;
      else high = middle - 1;
    }
    const run = this.#table[low];
    if (run === undefined) throw new DiskDamagedError('the master file table is empty');
    return run;
  }
}
