import { concernsOne } from '../errors.ts';
import { decodeFileEntry } from '../manifest/file-entry.ts';
import { entryKey, type KeyRange } from '../manifest/tuple-key.ts';
import { releaseBytes } from '../packs/release-bytes.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import {
  ChunkFetcher,
  defaultFetchPolicy,
  type FetchItem,
  type FetchPolicy,
  type RemainingUses,
} from './chunk-fetcher.ts';
import { frameKey } from './plan-runs.ts';
import { PointFiles } from './point-files.ts';
import { countUses, type PointItem, pointPortions, usesOfFrames } from './point-items.ts';
import type { PointReader } from './point-reader.ts';
import type { RestoredFiles, RestoreSource } from './restore-source.ts';
import { sampleEntries, type SampleOptions } from './sample-entries.ts';
import { RefusalSparer } from './spare-refused.ts';

/**
 * Windows of a range whose items are kept from counting their uses until they are fetched, at some kilobyte an item: the
 * pages of a longer range are read twice.
 */
const windowsAhead = 3;

/** The files of a point as its manifest has them. Memory: the fetcher's windows, and {@link windowsAhead} of items. */
export class PointSource implements RestoreSource {
  readonly #reader: PointReader;
  readonly #fetch: FetchPolicy;

  constructor(reader: PointReader, fetch: FetchPolicy = defaultFetchPolicy) {
    this.#reader = reader;
    this.#fetch = fetch;
  }

  async open(range: KeyRange, signal?: AbortSignal): Promise<RestoredFiles> {
    const reader = this.#reader;
    const policy = this.#fetch;
    const { portions, remaining } = await readAhead(reader, range, policy.windowItems * windowsAhead, signal);
    const sparer = new RefusalSparer();
    const readRun = sparer.sparing(reader.readRun);
    const fetcher = new ChunkFetcher({
      readRun,
      keys: reader.keys,
      remaining,
      policy,
      takeBack: releaseBytes,
    });
    return new PointFiles(reader, { range, portions }, fetcher, sparer, signal);
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

interface CountedItems {
  readonly portions: AsyncIterable<readonly FetchItem<PointItem>[]>;
  readonly remaining: RemainingUses;
}

/** The items of a range, and how often each frame is needed. */
async function readAhead(
  reader: PointReader,
  range: KeyRange,
  mostItems: number,
  signal: AbortSignal | undefined,
): Promise<CountedItems> {
  const rest = pointPortions(reader, range, { signal });
  const ahead: (readonly FetchItem<PointItem>[])[] = [];
  let isWhole = false;
  for (let items = 0; items < mostItems && !isWhole;) {
    const next = await rest.next();
    if (next.done === true) {
      isWhole = true;
    } else {
      ahead.push(next.value);
      items += next.value.length;
    }
  }
  const remaining = isWhole
    ? usesOfFrames(ahead)
    : await countUses(reader, range, ({ location }) => frameKey(location), signal);
  return { portions: eachThen(ahead, rest), remaining };
}

/** Gives back what was read ahead as it goes. */
async function* eachThen<Portion>(
  ahead: Portion[],
  rest: AsyncIterable<Portion>,
): AsyncGenerator<Portion, void, undefined> {
  for (let portion = ahead.shift(); portion !== undefined; portion = ahead.shift()) yield portion;
  yield* rest;
}
