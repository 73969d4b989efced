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
import { type DirectoryListing, factsText, listFacts, type NodeFacts } from './list-facts.ts';
import type { ChangedPlaces } from './changed-places.ts';
import { type FindVolume, type Recorded, ReadRecorder } from './recorded-reads.ts';
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
}

/** Versions that are held in memory until all points have been searched. */
const mostVersions = 200_000;
/** Directories that are remembered from point to point; what is more is listed in every point. Some hundred bytes each. */
const mostRemembered = 200_000;

/**
 * Finds files by name in the file systems of many image points of one resource, the newest first: every version once. Goes
 * from point to point, and lists a directory anew only where something that it was read from has changed; a block that
 * points share is read once, see {@link SharedVolumes}.
 * @throws {@link InvalidInputError} more matches than can be held in memory.
 */
export async function findInImages(
  points: readonly PointReader[],
  globs: readonly Glob[],
  { onNotice, onPoint, openSnapshots, signal }: FindInImagesOptions = {},
): Promise<readonly FoundImagePath[]> {
  const [newest] = points;
  if (newest === undefined) return [];
  const found = new FoundPaths(points.length);
  const tell = tellingOnce(onNotice);
  const volumes = new SharedVolumes({ openSnapshots, signal });
  const recorder = new ReadRecorder(newest.keys);
  const memory = new ListingMemory(recorder);
  for (const [point, { store, keys, root }] of points.entries()) {
    // A reader keeps pages; those of all points would be too much.
    const reader = new PointReader(store, keys, root);
    const { findVolume, changed } = await volumes.next(reader);
    const { isComplete, parts } = await openSharedImage(reader, findVolume, {
      onRead: recorder.onRead,
      onNotice: tell,
      signal,
    });
    if (!isComplete) found.hasProblems(point);
    memory.begin(findVolume, changed);
    for (const part of parts)
      for await (const { wanted, problems } of walkPart(part, globs, memory, signal)) {
        for (const { path, facts } of wanted) found.add(point, part.nameOf(path), facts);
        for (const problem of problems) tell(`${part.part.path}/${problem}`);
        if (problems.length > 0) found.hasProblems(point);
      }
    onPoint?.(point + 1, volumes.reads);
  }
  return found.list();
}

/** Listings of the directories of a part that may have what is sought, each once. */
async function* walkPart(
  part: NamedPart,
  globs: readonly Glob[],
  memory: ListingMemory,
  signal: AbortSignal | undefined,
): AsyncGenerator<DirectoryListing> {
  const { fileSystem, rootId, identity, nameOf } = part;
  // By both names that a file has: globs have no slash before them.
  const device = utf8(`${part.part.path}/`);
  const namesOf = (path: Uint8Array) =>
    [nameOf(path), joinBytes(device, path)].map((name) => name.subarray(1));
  const isWanted = (path: Uint8Array) =>
    namesOf(path).some((name) => globs.some((glob) => glob.matches(name)));
  const mayHold = (path: Uint8Array) =>
    namesOf(path).some((name) => globs.some((glob) => mayMatchBelow(glob, name)));
  const entered = new Set([rootId]);
  const waiting: DirectoryListing['directories'][number][] = [{ path: new Uint8Array(), id: rootId }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    signal?.throwIfAborted();
    const directory = next;
    const make = async () => listFacts(fileSystem, directory, { isWanted, signal });
    const key = identity && `${identity} ${next.id} ${toHex(next.path)}`;
    const listing = key === undefined ? await make() : await memory.list(key, make);
    for (const below of listing.directories) {
      // A directory that is met again would have the walk go round.
      if (entered.has(below.id) || !mayHold(below.path)) continue;
      entered.add(below.id);
      waiting.push(below);
    }
    yield listing;
  }
}

/**
 * Remembers from point to point what directories list. A listing rests on nothing but what is read while it is made, and
 * on what its key says: readers of file systems keep nothing between two listings.
 */
class ListingMemory {
  readonly #recorder: ReadRecorder;
  #before = new Map<string, Recorded<DirectoryListing>>();
  #now = new Map<string, Recorded<DirectoryListing>>();
  #changed: ChangedPlaces | undefined;
  #findVolume: FindVolume = async () => undefined;

  constructor(recorder: ReadRecorder) {
    this.#recorder = recorder;
  }

  /** Goes on to another point. @param changed - from the point before; `undefined` for the first. */
  begin(findVolume: FindVolume, changed: ChangedPlaces | undefined): void {
    this.#findVolume = findVolume;
    this.#changed = changed;
    this.#before = this.#now;
    this.#now = new Map();
  }

  async list(key: string, make: () => Promise<DirectoryListing>): Promise<DirectoryListing> {
    const before = this.#before.get(key);
    const isSame =
      before !== undefined &&
      this.#changed !== undefined &&
      (await this.#recorder.isSame(before, this.#changed, this.#findVolume));
    const listed = isSame ? before : await this.#recorder.record(make);
    if (this.#now.size < mostRemembered) this.#now.set(key, listed);
    return listed.result;
  }
}

class FoundPaths {
  readonly #points: number;
  readonly #paths = new Map<
    string,
    { readonly path: Uint8Array; readonly versions: Map<string, { facts: NodeFacts; points: number[] }> }
  >();
  readonly #unclear = new Set<number>();
  #versions = 0;

  constructor(points: number) {
    this.#points = points;
  }

  hasProblems(point: number): void {
    this.#unclear.add(point);
  }

  add(point: number, path: Uint8Array, facts: NodeFacts): void {
    const key = toHex(path);
    let at = this.#paths.get(key);
    if (at === undefined) this.#paths.set(key, (at = { path, versions: new Map() }));
    const version = at.versions.get(factsText(facts));
    if (version !== undefined) {
      version.points.push(point);
      return;
    }
    at.versions.set(factsText(facts), { facts, points: [point] });
    this.#versions += 1;
    if (this.#versions > mostVersions)
      throw new InvalidInputError(
        `more than ${mostVersions} versions match in ${this.#points} points; narrow the pattern, or the points with --from and --to`,
      );
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
