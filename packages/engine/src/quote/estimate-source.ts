import { newId } from '../bytes.ts';
import type { KeyId, VaultId } from '../ids.ts';
import { type DataKeySource, VaultKeys } from '../keys/vault-keys.ts';
import type { CompressionLevel } from '../model/compression.ts';
import { prices, pricesOfClass } from '../model/prices.ts';
import { workRates } from '../model/worker.ts';
import { compressionPolicies } from '../packs/frame-codec.ts';
import type { ChunkIndex } from '../ports/chunk-index.ts';
import type { FileSource, SourceEntry } from '../ports/file-source.ts';
import type { ReportProgress } from '../ports/progress.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import { sum } from '../sum.ts';
import { chooseUnits, type SampleLimits } from './choose-units.ts';
import { type Estimate, estimateTotal } from './estimate-total.ts';
import { UnitMeter, type UnitMeasure } from './measure-units.ts';
import { type SampleUnit, type Stratum, UnitSampler } from './unit-sampler.ts';

export interface EstimateOptions {
  readonly source: Pick<FileSource, 'list' | 'open'>;
  /** The vault's chunks, where it can be asked. @default the vault counts as empty */
  readonly stored?: { readonly keys: VaultKeys; readonly index: Pick<ChunkIndex, 'find'> } | undefined;
  readonly limits?: SampleLimits;
  /** The same seed draws the same sample. */
  readonly seed?: string;
  readonly random: RandomBytes;
  /** @default 'default' */
  readonly compression?: CompressionLevel;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

/** Some seconds and a cent, and enough for a few percent. */
export const defaultSampleLimits: SampleLimits = { requests: 1_000, bytes: 512 * 2 ** 20 };

interface Listed {
  readonly files: number;
  readonly bytes: number;
}

/** A source before it is backed up: counted, and as far as it was not counted, estimated. */
export interface SourceEstimate {
  /** Everything that was listed. */
  readonly listed: Listed;
  /** Objects by their storage class, as the source names it. */
  readonly classes: Readonly<Record<string, Listed>>;
  /** Objects that have to be thawed before they can be read: a backup leaves them out. */
  readonly frozen: Listed;
  /** Bytes that AWS Backup would bill: small objects count for more. */
  readonly awsBackupBytes: number;
  /** Bytes that a first backup would store, after deduplication and compression, with its manifest. */
  readonly storedBytes: Estimate;
  /** Content that is there more than once. */
  readonly repeatedBytes: number;
  /** Content that the vault has already. */
  readonly knownBytes: number;
  readonly chunks: number;
  readonly sample: {
    readonly units: number;
    readonly bytes: number;
    /** Units that could not be read. */
    readonly unread: number;
    /** False where the vault was not asked. */
    readonly askedIndex: boolean;
    /** Everything was read. */
    readonly isWhole: boolean;
  };
  /** Cost of asking. */
  readonly asked: {
    readonly requests: number;
    readonly dollars: number;
    /** Dollars besides for what was read, if this is not the region of the source. */
    readonly transferDollars: number;
  };
}

/** Allowance for what a sample does not show: ends of packs and pages, the order of what is packed. */
const unmodelled = { share: 0.03, bytes: 1_024 } as const;

/** Stored bytes for the entry of an empty file or a directory, where nothing was measured. */
const emptyEntryBytes = 60;

/**
 * Estimates what a first backup of a source would store, from its listing and a sample of its content, which goes
 * through the chunker, the index, the codec and the packs of a backup. Writes nothing.
 *
 * Content that two files share without being copies of each other is only found where both are in the sample, so that
 * the estimate is too high for a source full of versions of the same files.
 */
export async function estimateSource(options: EstimateOptions): Promise<SourceEstimate> {
  const { source, limits = defaultSampleLimits, seed = 'quote', onProgress, signal } = options;
  const listing = new Listing(new UnitSampler(seed, limits.requests));
  for await (const entry of source.list({}, signal)) {
    listing.add(entry);
    if (listing.listed.files % 1_000 === 0) onProgress?.({ step: 'list', ...listing.listed });
  }
  const strata = listing.sampler.strata();
  const chosen = chooseUnits(strata, limits);
  return sumUp(listing, await measure(strata, chosen, options));
}

interface Sample {
  readonly chosen: readonly SampleUnit[];
  readonly strata: readonly (Stratum & { readonly found: readonly UnitMeasure[] })[];
  /** Content that was read. */
  readonly bytes: number;
  readonly askedIndex: boolean;
}

async function measure(
  strata: readonly Stratum[],
  chosen: readonly (readonly SampleUnit[])[],
  { source, stored, random, compression = 'default', onProgress, signal }: EstimateOptions,
): Promise<Sample> {
  const progress = { files: 0, bytes: 0, filesTotal: chosen.flat().length };
  const meter = await UnitMeter.make({
    source,
    vault: stored?.keys ?? makeKeys(random),
    random,
    index: stored?.index,
    compression: compressionPolicies[compression],
    signal,
    onRead: (bytes) => {
      progress.files += 1;
      progress.bytes += bytes;
      onProgress?.({ step: 'sample', ...progress });
    },
  });
  const measured: Sample['strata'][number][] = [];
  for (const [at, stratum] of strata.entries())
    measured.push({ ...stratum, found: await meter.measure(chosen[at] ?? []) });
  const { bytes } = progress;
  return { chosen: chosen.flat(), strata: measured, bytes, askedIndex: stored !== undefined };
}

function sumUp(
  listing: Listing,
  { chosen, strata: measured, bytes: readBytes, askedIndex }: Sample,
): SourceEstimate {
  const found = measured.flatMap((stratum) => stratum.found);
  const result = measured.map((stratum) => ({
    bytes: stratum.bytes,
    units: stratum.found.map(({ unit, storedBytes }) => ({ bytes: unit.bytes * unit.copies, storedBytes })),
    isWhole: stratum.isWhole && stratum.found.length === stratum.units.length,
  }));
  const extrapolate = (valueOf: (measure: UnitMeasure) => number): number =>
    sum(
      measured.map(({ bytes, found: units }) => {
        const looked = sum(units.map(({ unit }) => unit.bytes * unit.copies));
        return looked === 0 ? 0 : (bytes / looked) * sum(units.map(valueOf));
      }),
    );
  return {
    listed: listing.listed,
    classes: Object.fromEntries(listing.classes),
    frozen: listing.frozen,
    awsBackupBytes: listing.awsBackupBytes,
    storedBytes: widened(estimateTotal(result), listing.emptyFiles * emptyEntryBytes),
    repeatedBytes: extrapolate(({ repeatedBytes }) => repeatedBytes),
    knownBytes: extrapolate(({ knownBytes }) => knownBytes),
    chunks: extrapolate(({ chunks }) => chunks),
    sample: {
      units: found.length,
      bytes: readBytes,
      unread: chosen.length - found.length,
      askedIndex,
      isWhole: result.every(({ isWhole }) => isWhole),
    },
    asked: costOf(listing, chosen, askedIndex ? found : []),
  };
}

function widened({ value, low, high }: Estimate, more: number): Estimate {
  const { share, bytes } = unmodelled;
  return {
    value: value + more,
    low: (low + more) * (1 - share),
    high: (high + more) * (1 + share) + (high + more > 0 ? bytes : 0),
  };
}

function costOf(
  { listed }: Listing,
  read: readonly SampleUnit[],
  looked: readonly UnitMeasure[],
): SourceEstimate['asked'] {
  const lists = Math.ceil(listed.files / workRates.listedPerRequest);
  const lookups = sum(looked.map(({ chunks }) => chunks));
  const reads = read.map(({ entry, bytes: length }) => {
    const { get, retrievalGibibyte } = pricesOfClass(storageClassOfEntry(entry));
    return get + (length / 2 ** 30) * retrievalGibibyte;
  });
  const dollars = lists * pricesOfClass(undefined).put + lookups * prices.dynamo.readUnit + sum(reads);
  const bytes = sum(read.map((unit) => unit.bytes));
  return {
    requests: lists + read.length + Math.ceil(lookups),
    dollars,
    transferDollars: (bytes / 2 ** 30) * prices.transferOut.gibibyte,
  };
}

class Listing {
  readonly sampler: UnitSampler;
  readonly classes = new Map<string, { files: number; bytes: number }>();
  readonly listed = { files: 0, bytes: 0 };
  readonly frozen = { files: 0, bytes: 0 };
  awsBackupBytes = 0;
  emptyFiles = 0;

  constructor(sampler: UnitSampler) {
    this.sampler = sampler;
  }

  add(entry: SourceEntry): void {
    const { size } = entry;
    const storageClass = storageClassOfEntry(entry);
    count(this.listed, size);
    this.awsBackupBytes += Math.max(size, prices.awsBackup.s3LeastBytes);
    if (entry.kind === 'object') {
      const ofClass = this.classes.get(storageClass) ?? { files: 0, bytes: 0 };
      this.classes.set(storageClass, ofClass);
      count(ofClass, size);
    }
    if (size === 0) this.emptyFiles += 1;
    else if (pricesOfClass(storageClass).thaw !== undefined) count(this.frozen, size);
    else this.sampler.add(entry);
  }
}

function count(counts: { files: number; bytes: number }, bytes: number): void {
  counts.files += 1;
  counts.bytes += bytes;
}

function storageClassOfEntry({ attributes }: SourceEntry): string {
  return attributes['storage-class'] ?? 'STANDARD';
}

/** Keys of no vault, for a sample that is not compared with one. */
function makeKeys(random: RandomBytes): VaultKeys {
  const keys = new VaultKeys(newId<VaultId>(random), random.bytes(32), noOtherKeys);
  keys.useDataKey(newId<KeyId>(random), random.bytes(32));
  return keys;
}

async function refuse(): Promise<never> {
  throw new TypeError('a sample has one data key');
}

const noOtherKeys: DataKeySource = { load: refuse, findNewest: refuse };
