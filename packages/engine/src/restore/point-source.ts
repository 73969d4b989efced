import { concernsOne } from '../errors.ts';
import { decodeFileEntry } from '../manifest/file-entry.ts';
import { entryKey, type KeyRange } from '../manifest/tuple-key.ts';
import { releaseBytes } from '../packs/release-bytes.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import { ChunkFetcher, type FetchPolicy } from './chunk-fetcher.ts';
import { frameKey } from './plan-runs.ts';
import { PointFiles } from './point-files.ts';
import { countUses } from './point-items.ts';
import type { PointReader } from './point-reader.ts';
import type { RestoredFiles, RestoreSource } from './restore-source.ts';
import { sampleEntries, type SampleOptions } from './sample-entries.ts';
import { RefusalSparer } from './spare-refused.ts';

/** The files of a point as its manifest has them. Memory: the fetcher's windows. */
export class PointSource implements RestoreSource {
  readonly #reader: PointReader;
  readonly #fetch: FetchPolicy | undefined;

  constructor(reader: PointReader, fetch?: FetchPolicy) {
    this.#reader = reader;
    this.#fetch = fetch;
  }

  async open(range: KeyRange, signal?: AbortSignal): Promise<RestoredFiles> {
    const reader = this.#reader;
    const remaining = await countUses(reader, range, ({ location }) => frameKey(location), signal);
    const sparer = new RefusalSparer();
    const readRun = sparer.sparing(reader.readRun);
    const fetcher = new ChunkFetcher({
      readRun,
      keys: reader.keys,
      remaining,
      policy: this.#fetch,
      takeBack: releaseBytes,
    });
    return new PointFiles(reader, range, fetcher, sparer, signal);
  }

  /** An entry in a damaged page is not restored. */
  async find(path: Uint8Array, signal?: AbortSignal): Promise<SourceEntry | undefined> {
    const { manifest, name } = this.#reader;
    try {
      const found = await manifest.find(entryKey(path), signal);
      return found && decodeFileEntry(found, name).entry;
    } catch (error) {
      if (concernsOne(error)) return undefined;
      throw error;
    }
  }

  async sample(
    selection: readonly KeyRange[],
    options: SampleOptions,
    signal?: AbortSignal,
  ): Promise<readonly SourceEntry[]> {
    return sampleEntries(this.#reader, selection, options, signal);
  }
}
