import type { FileSystemBasis } from '@holdfast/disk';
import {
  compareBytes,
  type Glob,
  InvalidInputError,
  mayMatchBelow,
  PointReader,
  toHex,
  utf8,
} from '@holdfast/engine';
import { joinBytes } from './join-bytes.ts';
import { type NamedPart, openSharedImage } from './image-parts.ts';
import {
  DirectoryLister,
  type DirectoryListing,
  factsText,
  type ListedDirectory,
  type WantedNode,
  type NodeFacts,
} from './list-facts.ts';
import { ReadRecorder } from './reliance.ts';
import { StateComparison } from './state-comparison.ts';
import { SharedVolumes, type SharedVolumesOptions } from './shared-volumes.ts';
import { tellingOnce } from './telling-once.ts';

export interface FoundImageVersion {
  readonly facts: NodeFacts;
  /** Places among the points that were searched, ascending. */
  readonly points: readonly number[];
}

export interface FoundImagePath {
  /** As the machine has it, or with its device: `/etc/passwd`, `/dev/xvdb1/passwd`. A directory's ends with a slash. */
  readonly path: Uint8Array;
  /** Each once, the one of the newest point first. */
  readonly versions: readonly FoundImageVersion[];
  /** The word of the newest point; `unclear` where some of it cannot be read. */
  readonly newest: 'there' | 'gone' | 'unclear';
}

export interface FindInImagesOptions extends SharedVolumesOptions {
  readonly onNotice?: (text: string) => void;
  /** Told of every point that has been searched, and of the blocks that were read so far. */
  readonly onPoint?: (points: number, blocks: number) => void;
  /** @default {@link mostRemembered} */
  readonly remembered?: number;
}

/** Versions that are held in memory until all points have been searched. */
const mostVersions = 200_000;
/**
 * Directories, and what is wanted of them, that are remembered from point to point; what is more is listed in every point.
 * Some hundred bytes each.
 */
const mostRemembered = 400_000;

/**
 * Finds files by name in the file systems of many image points of one resource, the newest first: every version once. Goes
 * from point to point, and reads of a directory only what lies on bytes that changed; a block that points share is read
 * once, see {@link SharedVolumes}.
 * @throws {@link InvalidInputError} more matches than can be held in memory.
 */
export async function findInImages(
  points: readonly PointReader[],
  globs: readonly Glob[],
  { onNotice, onPoint, openSnapshots, signal, remembered = mostRemembered }: FindInImagesOptions = {},
): Promise<readonly FoundImagePath[]> {
  const [newest] = points;
  if (newest === undefined) return [];
  const found = new FoundPaths(points.length);
  const tell = tellingOnce(onNotice);
  const volumes = new SharedVolumes({ openSnapshots, signal });
  const recorder = new ReadRecorder();
  let memory = new ListingMemory(remembered);
  for (const [point, { store, keys, root }] of points.entries()) {
    // A reader keeps pages; those of all points would be too much.
    const reader = new PointReader(store, keys, root);
    const { findVolume } = await volumes.next(reader);
    const { isComplete, parts } = await openSharedImage(reader, findVolume, {
      recorder,
      onNotice: tell,
      signal,
    });
    if (!isComplete) found.hasProblems(point);
    const before = memory;
    memory = new ListingMemory(remembered);
    for (const part of parts)
      for await (const { wanted, problems } of walkPart(part, globs, { before, memory, recorder, signal })) {
        for (const file of wanted) found.add(point, part, file);
        for (const problem of problems) tell(`${part.part.path}/${problem}`);
        if (problems.length > 0) found.hasProblems(point);
      }
    onPoint?.(point + 1, volumes.reads);
  }
  return found.list();
}

interface WalkOptions {
  /** Listings of the point before. */
  readonly before: ListingMemory;
  /** Takes up those of this one. */
  readonly memory: ListingMemory;
  readonly recorder: ReadRecorder;
  readonly signal: AbortSignal | undefined;
}

/** Listings of the directories of a part that may have what is sought, each once. */
async function* walkPart(
  part: NamedPart,
  globs: readonly Glob[],
  { before, memory, recorder, signal }: WalkOptions,
): AsyncGenerator<DirectoryListing> {
  const { fileSystem, rootId, nameOf } = part;
  // By both names that a file has: globs have no slash before them.
  const device = utf8(`${part.part.path}/`);
  const namesOf = (path: Uint8Array) =>
    [nameOf(path), joinBytes(device, path)].map((name) => name.subarray(1));
  const was = before.find(part);
  const lister = new DirectoryLister(fileSystem, {
    isWanted: (path) => namesOf(path).some((name) => globs.some((glob) => glob.matches(name))),
    mayHold: (path) => namesOf(path).some((name) => globs.some((glob) => mayMatchBelow(glob, name))),
    recorder,
    comparison: was && fileSystem.basis && new StateComparison(was.basis, fileSystem.basis, signal),
    signal,
  });
  const root = was?.root.id === rootId ? was.root : { path: new Uint8Array(), id: rootId };
  const listings = memory.add(part, root);
  const entered = new Set([rootId]);
  const waiting: ListedDirectory[] = [root];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    signal?.throwIfAborted();
    const listing = await lister.list(next, was?.listings.get(next));
    for (const below of listing.directories) {
      // A directory that is met again would have the walk go round.
      if (entered.has(below.id)) continue;
      entered.add(below.id);
      waiting.push(below);
    }
    memory.put(listings, next, listing);
    yield listing;
  }
}

/** Listings of a part in a point, and the state that they are of. */
interface KnownPart {
  readonly root: ListedDirectory;
  readonly basis: FileSystemBasis;
  readonly listings: Map<ListedDirectory, DirectoryListing>;
}

/** Listings of the directories of a point, to be taken over where nothing of them has changed in the next. */
class ListingMemory {
  readonly #parts = new Map<string, KnownPart>();
  #room: number;

  /** @param room - for directories, and for what they have. */
  constructor(room: number) {
    this.#room = room;
  }

  /** Listings of the same part, where its nodes lie as they did. */
  find({ identity }: NamedPart): KnownPart | undefined {
    return identity === undefined ? undefined : this.#parts.get(identity);
  }

  add({ identity, fileSystem: { basis } }: NamedPart, root: ListedDirectory): KnownPart['listings'] {
    const listings: KnownPart['listings'] = new Map();
    if (identity !== undefined && basis !== undefined) this.#parts.set(identity, { root, basis, listings });
    return listings;
  }

  put(listings: KnownPart['listings'], directory: ListedDirectory, listing: DirectoryListing): void {
    const size = 1 + listing.entries.size;
    if (size > this.#room) return;
    this.#room -= size;
    listings.set(directory, listing);
  }
}

class FoundPaths {
  readonly #points: number;
  readonly #paths = new Map<
    string,
    {
      readonly path: Uint8Array;
      readonly versions: Map<string, FoundImageVersion & { readonly points: number[] }>;
    }
  >();
  /** A file that is as in the point before is of the same version. */
  readonly #known = new WeakMap<WantedNode, number[]>();
  readonly #unclear = new Set<number>();
  #versions = 0;

  constructor(points: number) {
    this.#points = points;
  }

  hasProblems(point: number): void {
    this.#unclear.add(point);
  }

  add(point: number, { nameOf }: NamedPart, file: WantedNode): void {
    let having = this.#known.get(file);
    if (having === undefined) this.#known.set(file, (having = this.#pointsOf(nameOf(file.path), file.facts)));
    having.push(point);
  }

  /** Those that have a version, so far. */
  #pointsOf(path: Uint8Array, facts: NodeFacts): number[] {
    const key = toHex(path);
    let at = this.#paths.get(key);
    if (at === undefined) this.#paths.set(key, (at = { path, versions: new Map() }));
    const known = at.versions.get(factsText(facts));
    if (known !== undefined) return known.points;
    const version = { facts, points: [] };
    at.versions.set(factsText(facts), version);
    this.#versions += 1;
    if (this.#versions > mostVersions)
      throw new InvalidInputError(
        `more than ${mostVersions} versions match in ${this.#points} points; narrow the pattern, or the points with --from and --to`,
      );
    return version.points;
  }

  list(): readonly FoundImagePath[] {
    return [...this.#paths.values()]
      .sort((one, other) => compareBytes(one.path, other.path))
      .map(({ path, versions }) => {
        const isThere = [...versions.values()].some(({ points }) => points[0] === 0);
        return {
          path,
          versions: [...versions.values()],
          newest: isThere ? 'there' : this.#unclear.has(0) ? 'unclear' : 'gone',
        };
      });
  }
}
