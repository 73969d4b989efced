import { equalBytes, toHex } from '../bytes.ts';
import { InvalidInputError } from '../errors.ts';
import { decodeFileEntry, encodeFileEntry, type FileEntry } from '../manifest/file-entry.ts';
import {
  decodeFileKey,
  hasSamePath,
  joinRanges,
  pathKeys,
  prefixKeys,
  type KeyRange,
} from '../manifest/tuple-key.ts';
import type { SelectEntries } from '../manifest/page-loader.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { walkTogether, type SharedEntry } from '../manifest/walk-together.ts';
import { MissingPaths } from '../points/missing-paths.ts';
import { createPageReader } from '../points/point-pages.ts';
import { findPageRef } from '../points/page-ref-text.ts';
import type { ReportProgress } from '../ports/progress.ts';
import type { PointReader } from '../restore/point-reader.ts';
import type { Glob } from './glob.ts';

/** One state of a file, and the points that have it, by their places among those that are searched. */
export interface FoundVersion {
  readonly file: FileEntry;
  /** Ascending. */
  readonly points: readonly number[];
}

export interface FoundPath {
  readonly path: Uint8Array;
  /** Each once, the one of the newest point first. */
  readonly versions: readonly FoundVersion[];
  /**
   * What the newest point says: `there`, `gone`; `unread` where it could not read the path, `unclear` where it names only
   * some of what it could not read.
   */
  readonly newest: 'there' | 'gone' | 'unread' | 'unclear';
}

/** Points that are searched together: each takes the way from its root to the current path, some 100 KB, in memory. */
const mostPointsTogether = 1_000;

/** Paths between two reports of progress. */
const reportEvery = 1_000;

/**
 * Finds files by name in many points of one vault: every version once, also of what the newest points have no more, in the
 * order of paths. A version is another where facts or content differ, as for `diffPoints`. Reads every page of the manifests
 * that may have such a path once, however many points share it.
 * @param points - of one resource, the newest first.
 * @throws {@link InvalidInputError} there are more than {@link mostPointsTogether}.
 */
export async function* findVersions(
  points: readonly PointReader[],
  globs: readonly Glob[],
  { onProgress, signal }: { readonly onProgress?: ReportProgress; readonly signal?: AbortSignal } = {},
): AsyncGenerator<FoundPath> {
  const [newest] = points;
  if (newest === undefined) return;
  if (points.length > mostPointsTogether)
    throw new InvalidInputError(
      `${points.length} points are more than can be searched together; narrow them to ${mostPointsTogether} with a time`,
    );
  const missing = new MissingPaths(newest.root);
  const pages = createPageReader(
    newest.store,
    newest.keys,
    points.flatMap(({ root }) => root.pagePacks),
  );
  const roots = points.map(({ root }) => findPageRef(root.manifest, root.point));
  const select = selectPaths(globs, { name: newest.name, onProgress });
  let open: OpenPath | undefined;
  for (const range of rangesOf(globs)) {
    for await (const entries of walkTogether(pages, roots, { range, select, signal })) {
      const { path, offset } = decodeFileKey((entries[0] as SharedEntry).entry.key, newest.name);
      if (offset !== undefined) {
        open?.addContent(path, entries);
        continue;
      }
      if (open !== undefined) yield open.close(missing);
      open = new OpenPath(path, entries, points);
    }
    if (open !== undefined) yield open.close(missing);
    open = undefined;
  }
}

/** Leaves out, of each leaf, entries and content of paths that do not match: most, and before anything is compared. */
function selectPaths(
  globs: readonly Glob[],
  { name, onProgress }: { readonly name: string; readonly onProgress: ReportProgress | undefined },
): SelectEntries {
  let seen = 0;
  return (entries) => {
    let last: { readonly key: Uint8Array; readonly isWanted: boolean } | undefined;
    return entries.filter(({ key }) => {
      if (last !== undefined && hasSamePath(last.key, key)) return last.isWanted;
      if (++seen % reportEvery === 0) onProgress?.({ step: 'find', files: seen, bytes: 0, unit: 'path' });
      const { path } = decodeFileKey(key, name);
      last = { key, isWanted: globs.some((glob) => glob.matches(path)) };
      return last.isWanted;
    });
  };
}

/** Ranges that have every path that may match, in order; none overlaps another. */
function rangesOf(globs: readonly Glob[]): readonly KeyRange[] {
  const starts = globs.flatMap((glob) => glob.starts);
  return joinRanges(
    starts.flatMap(({ bytes, isWhole }) =>
      isWhole ? [pathKeys(bytes), pathKeys(Buffer.concat([bytes, Buffer.from('/')]))] : [prefixKeys(bytes)],
    ),
  );
}

/** A path whose content is still to come. Splits its versions wherever their content turns out to differ. */
class OpenPath {
  readonly #path: Uint8Array;
  #versions: readonly FoundVersion[];

  constructor(path: Uint8Array, entries: readonly SharedEntry[], points: readonly PointReader[]) {
    this.#path = path;
    // Mostly it is equal wherever it is, and what its neighbours had written anew.
    const equal: { readonly entry: Entry; readonly trees: number[] }[] = [];
    for (const { entry, trees } of entries) {
      const like = equal.find((one) => equalBytes(one.entry.logical, entry.logical));
      if (like === undefined) equal.push({ entry, trees: [...trees] });
      else like.trees.push(...trees);
    }
    const versions = new Map<string, { readonly file: FileEntry; readonly points: number[] }>();
    for (const { entry, trees } of equal) {
      const file = decodeFileEntry(entry, points[trees[0] as number]?.name ?? 'a point');
      const facts =
        equal.length === 1 ? '' : toHex(encodeFileEntry({ entry: file.entry, mustRead: false }).logical);
      const version = versions.get(facts);
      if (version === undefined) versions.set(facts, { file, points: trees });
      else version.points.push(...trees);
    }
    this.#versions = [...versions.values()];
  }

  addContent(path: Uint8Array, entries: readonly SharedEntry[]): void {
    if (!equalBytes(path, this.#path)) return;
    const contents = new Map<number, SharedEntry>();
    for (const shared of entries) {
      const like = entries.find(({ entry }) => equalBytes(entry.logical, shared.entry.logical)) ?? shared;
      for (const tree of shared.trees) contents.set(tree, like);
    }
    this.#versions = this.#versions.flatMap(({ file, points }) =>
      [...Map.groupBy(points, (point) => contents.get(point)).values()].map((some) => ({
        file,
        points: some,
      })),
    );
  }

  close(missing: MissingPaths): FoundPath {
    const versions = this.#versions.map(({ file, points }) => ({
      file,
      points: [...points].sort((a, b) => a - b),
    }));
    versions.sort((a, b) => (a.points[0] ?? 0) - (b.points[0] ?? 0));
    return { path: this.#path, versions, newest: this.#newestOf(versions[0]?.points[0], missing) };
  }

  #newestOf(newestPoint: number | undefined, missing: MissingPaths): FoundPath['newest'] {
    if (newestPoint === 0) return 'there';
    const isMissing = missing.has(this.#path);
    if (isMissing === 'unknown') return 'unclear';
    return isMissing ? 'unread' : 'gone';
  }
}
