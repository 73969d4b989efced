import { fromUtf8, toHex } from '../bytes.ts';
import { BackupError, StoredBytesDamagedError } from '../errors.ts';
import type { PackId, PointId } from '../ids.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { decodePackMapEntry, type PackMapEntry } from '../manifest/pack-map.ts';
import { decodeFileKey } from '../manifest/tuple-key.ts';
import { containerName, objectNameOf, pageName } from '../packs/object-names.ts';
import type { PackKind } from '../packs/pack-layout.ts';
import type { StoredObject } from '../packs/stored-object.ts';
import { findPageRef } from '../points/page-ref-text.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { ReportProgress } from '../ports/progress.ts';
import { findLostBlocks } from '../restore/lost-blocks.ts';
import { getVolume } from '../restore/point-volumes.ts';
import { ChunkFetcher, type FetchItem, type ReadRun } from '../restore/chunk-fetcher.ts';
import type { PointReader } from '../restore/point-reader.ts';
import { RefusalSparer } from '../restore/spare-refused.ts';
import { ObjectChecker, type DamagedObject, type RefusedObject } from './check-objects.ts';
import { KnownContents } from './known-contents.ts';
import { isLoss } from './loss.ts';
import { errorRecordOf, type ErrorRecord } from '../model/error-record.ts';
import { manifestItems, type FileState, type ManifestItem } from './manifest-items.ts';
import { VolumeStretches, type VolumeStretch } from './volume-stretches.ts';
import { walkLeaves, type LostPage } from './walk-leaves.ts';

/** Most damage that is spelled out; the rest is counted. */
const damageListed = 10_000;

/** Entries of a map that cannot be read, as a page that leads to them is lost. */
interface LostRange extends ErrorRecord {
  /** `manifest`: files, by path; `pack-map`: packs, by id. */
  readonly map: 'manifest' | 'pack-map';
  /** The entry before the first of them; absent when that is the map's first. The file's own content may be lost. */
  readonly after?: string;
  /** The last of them. */
  readonly through: string;
  /** Lost entries: of files, of stretches of content, of packs. */
  readonly entries: number;
}

/** Findings about a point; see {@link isDamaged}. Of an image, its files are its volumes. */
export interface VerifyOutcome {
  readonly files: number;
  readonly bytes: number;
  readonly chunks: number;
  readonly packs: number;
  /** Files that cannot be restored, each once, and why. */
  readonly damagedFiles: readonly ({ readonly path: string } & ErrorRecord)[];
  readonly damagedFileCount: number;
  /** Stretches of volumes that cannot be read, 100,000 at most; those behind lost pages may reach a little too far. */
  readonly lostStretches: readonly VolumeStretch[];
  /** Entries behind pages that cannot be read. Their files are not among the damaged ones: nobody knows them. */
  readonly lostRanges: readonly LostRange[];
  /** Problems that hit no single file: a pack whose lock ends before the point does. */
  readonly problems: readonly string[];
  /** Packs that the point uses and that are damaged anywhere, even where this point needs nothing. */
  readonly damagedObjects: readonly DamagedObject[];
  /** Files of which nothing is known, as some of their content may not be read. They are not among the damaged ones. */
  readonly refusedFileCount: number;
  /** Packs that may not be read, while others may. */
  readonly refusedObjects: readonly RefusedObject[];
}

/** True if a point cannot be restored as it is. Damage to its packs that hits none of its files does not count. */
export function isDamaged({
  damagedFileCount,
  lostRanges,
  problems,
}: Pick<VerifyOutcome, 'damagedFileCount' | 'lostRanges' | 'problems'>): boolean {
  return damagedFileCount > 0 || lostRanges.length > 0 || problems.length > 0;
}

export interface VerifyOptions {
  /** Marks damaged packs, so that writers store their chunks again. @default nothing is written */
  readonly catalog?: Pick<Catalog, 'packs'>;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

/** State shared by verifications of points that share packs: each byte is read once. */
export interface SharedChecks {
  readonly known: KnownContents;
  readonly objects: ObjectChecker;
  readonly refusals: RefusalSparer;
}

export function createSharedChecks(
  { store, keys }: Pick<PointReader, 'store' | 'keys'>,
  { catalog }: Pick<VerifyOptions, 'catalog'> = {},
): SharedChecks {
  const known = new KnownContents();
  return {
    known,
    objects: new ObjectChecker({ store, keys, memory: known, catalog }),
    refusals: new RefusalSparer(),
  };
}

/**
 * Verifies a point: that a restore would succeed (every page, every chunk against its id, the size of every file, the
 * recorded lock of every pack), and that the objects it lies in are whole to the last byte, also where this point does
 * not need them. Damage costs only the entries that it hits, and so does an object that may not be read: the rest of
 * the point is verified all the same.
 * Memory: the fetcher's windows, {@link KnownContents}, and the findings.
 * @throws {@link ObjectArchivedError} a pack has to be thawed first.
 * @throws {@link AccessDeniedError} a page may not be read, or none of the first packs.
 */
export async function verifyPoint(
  reader: PointReader,
  options: VerifyOptions = {},
  shared: SharedChecks = createSharedChecks(reader, options),
): Promise<VerifyOutcome> {
  const report = new Report(reader.root.point);
  const { signal } = options;
  await verifyFiles(reader, options, shared, report);
  if (report.lostRanges.length > 0) await addStretchesOfPages(reader, report, signal);
  const objects = objectsOf(reader, report, signal);
  const noteRefused = (refused: RefusedObject): void => void report.refusedObjects.push(refused);
  for await (const damaged of shared.objects.check(objects, signal, noteRefused))
    report.damagedObjects.push(damaged);
  return report.outcome();
}

/** Adds the stretches that lost pages cost the volumes of an image. */
async function addStretchesOfPages(
  reader: PointReader,
  report: Report,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const { volume } of reader.root.image?.snapshots ?? []) {
    try {
      const { stretches } = await findLostBlocks(reader, await getVolume(reader, volume, signal), signal);
      for (const { from, to } of stretches) report.lostStretches.add({ volume, from, to });
    } catch (error) {
      // Its own entry is lost, so that nothing of it can be read.
      if (!isLoss(error)) throw error;
    }
  }
}

class Report {
  readonly counts = { files: 0, bytes: 0, chunks: 0, packs: 0 };
  readonly lostRanges: LostRange[] = [];
  readonly lostStretches = new VolumeStretches();
  readonly problems: string[] = [];
  readonly damagedObjects: DamagedObject[] = [];
  readonly refusedObjects: RefusedObject[] = [];
  readonly #damagedFiles: ({ path: string } & ErrorRecord)[] = [];
  readonly #point: PointId;
  #damagedFileCount = 0;
  #refusedFileCount = 0;
  #lastRefused: FileState | undefined;

  constructor(point: PointId) {
    this.#point = point;
  }

  fileDamaged({ path }: FileState, error: BackupError): void {
    this.#damagedFileCount += 1;
    if (this.#damagedFiles.length < damageListed)
      this.#damagedFiles.push({ path: fromUtf8(path), ...errorRecordOf(error) });
  }

  fileRefused(file: FileState): void {
    if (file !== this.#lastRefused) this.#refusedFileCount += 1;
    this.#lastRefused = file;
  }

  pageLost(map: LostRange['map'], { lost, after, error }: LostPage): void {
    const nameOf = (key: Uint8Array): string => (map === 'manifest' ? this.#pathOf(key) : toHex(key));
    this.lostRanges.push({
      map,
      after: after && nameOf(after),
      through: nameOf(lost.lastKey),
      entries: lost.entries,
      ...errorRecordOf(error),
    });
  }

  outcome(): VerifyOutcome {
    const { counts, lostStretches, lostRanges, problems, damagedObjects, refusedObjects } = this;
    return {
      ...counts,
      damagedFiles: this.#damagedFiles,
      damagedFileCount: this.#damagedFileCount,
      lostStretches: lostStretches.all,
      lostRanges,
      problems,
      damagedObjects,
      refusedFileCount: this.#refusedFileCount,
      refusedObjects,
    };
  }

  #pathOf(key: Uint8Array): string {
    try {
      return fromUtf8(decodeFileKey(key, this.#point).path);
    } catch (error) {
      if (!isLoss(error)) throw error;
      return toHex(key);
    }
  }
}

async function verifyFiles(
  reader: PointReader,
  { onProgress, signal }: VerifyOptions,
  { known, refusals }: SharedChecks,
  report: Report,
): Promise<void> {
  const { counts } = report;
  const leaves = walkLeaves(reader.pages, findPageRef(reader.root.manifest, reader.root.point), signal);
  const packs = new PointPacks(reader);
  const fetcher = new ChunkFetcher({ readRun: refusals.sparing(packs.readRun), keys: reader.keys });
  const kind = reader.root.image === undefined ? 'file' : 'volume';
  const items = unknownChunks(manifestItems(leaves, reader.name, kind), known, packs);
  for await (const { tag, chunk } of fetcher.fetch(items, signal)) {
    if ('lost' in tag) report.pageLost('manifest', tag.lost);
    else if ('damaged' in tag) report.fileDamaged(tag.damaged, tag.error);
    else if ('begins' in tag) {
      counts.files += 1;
      onProgress?.({
        step: 'verify',
        files: counts.files,
        bytes: counts.bytes,
        filesTotal: reader.root.counts.files,
      });
    } else {
      const { chunkOf: file, chunk: wanted } = tag;
      counts.chunks += 1;
      const error = chunk instanceof BackupError ? chunk : undefined;
      if (error === undefined) {
        counts.bytes += wanted.plainBytes;
        known.note(wanted.location.packId, { ...wanted, ...wanted.location });
      } else if (error.kind === 'denied') {
        report.fileRefused(file);
      } else {
        const from = tag.offset;
        if (kind === 'volume')
          report.lostStretches.add({ volume: fromUtf8(file.path), from, to: from + wanted.plainBytes });
        if (!file.damaged) report.fileDamaged(file, error);
        file.damaged = true;
      }
    }
  }
}

/** Items for the fetcher, without chunks that were found whole before. */
async function* unknownChunks(
  items: AsyncIterable<ManifestItem>,
  known: KnownContents,
  packs: PointPacks,
): AsyncGenerator<FetchItem<ManifestItem>> {
  for await (const tag of items) {
    if (!('chunkOf' in tag)) {
      yield { tag };
      continue;
    }
    const { location } = tag.chunk;
    // A chunk that is whole is of no use to a point that cannot find its pack.
    const isKnown =
      known.isKnown(location.packId, { ...tag.chunk, ...location }) &&
      (await packs.findLoss(location.packId)) === undefined;
    yield isKnown ? { tag } : { tag, reference: tag.chunk };
  }
}

/** Reads as a restore does, but an error that makes bytes impossible to get is the answer of the frames it hits. */
class PointPacks {
  readonly #reader: PointReader;
  readonly #losses = new Map<PackId, BackupError | undefined>();

  constructor(reader: PointReader) {
    this.#reader = reader;
  }

  /** The reason why the point cannot find a pack. Looked up once for each. */
  async findLoss(packId: PackId, signal?: AbortSignal): Promise<BackupError | undefined> {
    if (this.#losses.has(packId)) return this.#losses.get(packId);
    const loss = await this.#look(packId, signal);
    this.#losses.set(packId, loss);
    return loss;
  }

  readonly readRun: ReadRun = async (run, signal) => {
    const loss = await this.findLoss(run.packId, signal);
    if (loss !== undefined) return run.frames.map(() => loss);
    try {
      return await this.#reader.readRun(run, signal);
    } catch (error) {
      if (!isLoss(error)) throw error;
      return run.frames.map(() => error);
    }
  };

  async #look(packId: PackId, signal: AbortSignal | undefined): Promise<BackupError | undefined> {
    try {
      if ((await this.#reader.findObject(packId, signal)) !== undefined) return undefined;
      return new StoredBytesDamagedError(this.#reader.packMap.name, `it lacks pack ${packId}`);
    } catch (error) {
      if (!isLoss(error)) throw error;
      return error;
    }
  }
}

/** Every object that the point lies in. Notes the pack map's locks, and its pages that cannot be read. */
async function* objectsOf(
  { root, pages, packMap }: PointReader,
  report: Report,
  signal: AbortSignal | undefined,
): AsyncGenerator<StoredObject & { readonly kind: PackKind }> {
  const expiresAt = new Date(root.expiresAt);
  const checkLock = (packId: PackId, lockedUntil: Date): void => {
    if (lockedUntil >= expiresAt) return;
    report.problems.push(
      `pack ${packId} is locked until ${lockedUntil.toISOString()}, the point is kept until ${root.expiresAt}`,
    );
  };
  for (const { pack: packId, kind, version, lockedUntil } of root.pagePacks) {
    checkLock(packId, new Date(lockedUntil));
    const name = kind === 'container' ? containerName(packId) : pageName(packId);
    yield { packId, name, kind, ...(version !== '' && { versionId: version }) };
  }
  const inPages = new Set(root.pagePacks.map(({ pack }) => pack));
  for await (const step of walkLeaves(pages, findPageRef(root.packMap, root.point), signal)) {
    if ('lost' in step) {
      report.pageLost('pack-map', step);
      continue;
    }
    for (const entry of step.entries) {
      const pack = findPack(entry, report, packMap.name);
      if (pack === undefined) continue;
      report.counts.packs += 1;
      checkLock(pack.packId, pack.lockedUntil);
      const { packId, kind, versionId } = pack;
      // A container is both, and is checked once.
      if (!inPages.has(packId))
        yield { packId, kind, name: objectNameOf(pack), ...(versionId !== '' && { versionId }) };
    }
  }
}

function findPack(entry: Entry, report: Report, packMap: string): PackMapEntry | undefined {
  try {
    return decodePackMapEntry(entry, packMap);
  } catch (error) {
    if (!isLoss(error)) throw error;
    report.problems.push(error.message);
    return undefined;
  }
}
