import { BackupError } from '../errors.ts';
import type { PackId } from '../ids.ts';
import { decodePackMapEntry } from '../manifest/pack-map.ts';
import type { ReportProgress } from '../ports/progress.ts';
import { ChunkFetcher } from '../restore/chunk-fetcher.ts';
import { countUses, pointItems } from '../restore/point-items.ts';
import type { PointReader } from '../restore/point-reader.ts';

/** Damage that is spelled out; the rest is counted. */
const damageListed = 10_000;

/** What verifying a point found. A point without damage can be restored as it is. */
export interface VerifyOutcome {
  readonly files: number;
  readonly bytes: number;
  readonly chunks: number;
  readonly packs: number;
  /** Files that cannot be restored, each once, and why. */
  readonly damagedFiles: readonly {
    readonly path: string;
    readonly name: string;
    readonly message: string;
  }[];
  readonly damagedFileCount: number;
  /** Damage that hits no single file: a page of the manifest, a pack whose lock ends before the point does. */
  readonly problems: readonly string[];
}

/**
 * Verifies a point as a restore would read it: every page, every chunk against its id, the size of every file, and that
 * every pack is leased for as long as the point is kept. Reads all of the point's bytes.
 */
export async function verifyPoint(
  reader: PointReader,
  options: { readonly onProgress?: ReportProgress; readonly signal?: AbortSignal } = {},
): Promise<VerifyOutcome> {
  const { signal, onProgress } = options;
  const damagedFiles: { path: string; name: string; message: string }[] = [];
  const problems: string[] = [];
  const counts = { files: 0, bytes: 0, chunks: 0, packs: 0 };
  let damagedFileCount = 0;
  let damaged: unknown;
  try {
    const uses = await countUses(pointItems(reader, {}, signal));
    const fetcher = new ChunkFetcher(reader.readRun, uses);
    for await (const { tag, chunk } of fetcher.fetch(pointItems(reader, {}, signal), signal)) {
      if ('begins' in tag) {
        counts.files += 1;
        onProgress?.({
          step: 'verify',
          files: counts.files,
          bytes: counts.bytes,
          filesTotal: reader.root.counts.files,
        });
        continue;
      }
      counts.chunks += 1;
      if (chunk instanceof Uint8Array) counts.bytes += chunk.length;
      if (!(chunk instanceof BackupError) || damaged === tag.chunkOf) continue;
      damaged = tag.chunkOf;
      damagedFileCount += 1;
      const path = Buffer.from(tag.chunkOf.entry.path).toString('utf8');
      if (damagedFiles.length < damageListed)
        damagedFiles.push({ path, name: chunk.name, message: chunk.message });
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    problems.push(error.message);
  }
  try {
    counts.packs = await checkLeases(reader, problems, signal);
  } catch (error) {
    if (!isDamage(error)) throw error;
    problems.push(error.message);
  }
  return { ...counts, damagedFiles, damagedFileCount, problems };
}

async function checkLeases(
  reader: PointReader,
  problems: string[],
  signal: AbortSignal | undefined,
): Promise<number> {
  const expiresAt = new Date(reader.root.expiresAt);
  const check = (packId: PackId, lockedUntil: Date): void => {
    if (lockedUntil >= expiresAt) return;
    problems.push(
      `pack ${packId} is locked until ${lockedUntil.toISOString()}, the point is kept until ${reader.root.expiresAt}`,
    );
  };
  for (const { pack, lockedUntil } of reader.root.pagePacks) check(pack, new Date(lockedUntil));
  let packs = 0;
  for await (const entry of reader.packMap.range({}, signal === undefined ? {} : { signal })) {
    const { packId, lockedUntil } = decodePackMapEntry(entry, `point ${reader.root.point}`);
    packs += 1;
    check(packId, lockedUntil);
  }
  return packs;
}

function isDamage(error: unknown): error is BackupError {
  return (
    error instanceof BackupError && ['StoredBytesDamagedError', 'ObjectNotFoundError'].includes(error.name)
  );
}
