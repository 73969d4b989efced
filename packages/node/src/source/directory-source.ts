import { lstatSync, readlinkSync, statSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

import { InvalidInputError, SourceEntryError, SourceUnavailableError } from '@holdfast/engine';
import type { ByteRange, Clock, FileSource, OpenedEntry, PathRange, SourceEntry } from '@holdfast/engine';

import { findDirectoryIdentity, identityOf, isSameDirectory } from './directory-identity.ts';
import type { DirectoryIdentity } from './directory-identity.ts';
import { errnoOf } from '../errno.ts';
import { changedError, piecesOfListed, readListed, sourceEntryErrorOf } from './file-content.ts';
import type { ListedFile } from './file-content.ts';
import { entryOf } from '../file-facts.ts';
import { callPathOf, pathBytes, rawPathOf, rawPathOfText, shownPath } from './raw-path.ts';
import type { RawPath } from './raw-path.ts';
import { overlaps, walkInByteOrder } from './walk-in-byte-order.ts';
import type { RawRange } from './walk-in-byte-order.ts';

/** Files up to this size are read whole when they are opened: no descriptor outlives the call. */
const wholeReadBytes = 1024 * 1024;
/** Size of the pieces in which larger files are read. */
const pieceBytes = 1024 * 1024;
/** Pieces after which a reading lets other work of its thread run. */
const piecesPerTurn = 8;
/** Entries after which a listing lets other work of its thread run. */
const entriesPerTurn = 2048;

export interface DirectorySourceOptions {
  /** An existing directory. A symbolic link is followed here, and nowhere below. */
  readonly root: string;
  readonly clock: Clock;
  /**
   * Told of everything that a listing leaves out: sockets, devices and pipes, directories that cannot be listed, and
   * entries that change their kind meanwhile. Record it on the point: nothing is dropped silently.
   */
  readonly onWarning: (warning: SourceEntryError) => void;
  /** Directory of the vault that is written to. A listing that meets it fails, as it would grow with every backup. */
  readonly vault?: string;
}

const nothing = new Uint8Array(0);

/** Consequence of a listing's obstacle for the point; see `findObstacle`. */
const behindObstacle = '; of what is there this point has only what its base had';

export function vaultInside(directory: string, vault: string): InvalidInputError {
  return new InvalidInputError(
    `${JSON.stringify(directory)} and the vault ${JSON.stringify(vault)} lie in each other: every backup would back up ` +
      'the ones before; put the vault elsewhere',
  );
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield bytes;
}

function rawRangeOf(range: PathRange): RawRange {
  return { from: range.from && rawPathOf(range.from), to: range.to && rawPathOf(range.to) };
}

/**
 * A directory tree as a source of files.
 *
 * **Paths** are the bytes of names below the root, joined by `/`. A directory is an entry of its own, with a path that
 * ends in `/`: so the byte order of paths is an order in which a tree can be walked (`a-`, `a.b`, `a/`, `a/x`, `a0`),
 * everything below a directory has its path as a prefix, and a file that becomes a directory is another entry.
 * The root itself is no entry.
 *
 * **Not followed, not kept:** symbolic links are entries with a target; sockets, devices and pipes are reported and left
 * out. A file with several hard links is as many files, which the entry says (`leftOut`). Node has no call for extended
 * attributes, ACLs and flags: they are not read, and whether there are any is not known. Other file systems mounted below
 * the root are part of the tree.
 *
 * File system calls are synchronous, which is several times faster for many small files: use it in a worker thread
 * where a main thread has to stay responsive. A directory's names are held in memory while it is being listed.
 */
export class DirectorySource implements FileSource {
  readonly #root: RawPath;
  readonly #clock: Clock;
  readonly #onWarning: (warning: SourceEntryError) => void;
  readonly #vault: string | undefined;
  readonly #vaultIdentity: DirectoryIdentity | undefined;
  readonly #freeBuffers: Buffer[] = [];
  /** Directories, with a slash at their end, and single entries that listings could not show. */
  readonly #obstacles = new Map<string, SourceEntryError>();

  constructor(options: DirectorySourceOptions) {
    this.#root = rawPathOfText(options.root);
    this.#clock = options.clock;
    this.#onWarning = options.onWarning;
    this.#vault = options.vault;
    this.#vaultIdentity = options.vault === undefined ? undefined : findDirectoryIdentity(options.vault);
  }

  async *list(range: PathRange, signal?: AbortSignal): AsyncGenerator<SourceEntry, void, undefined> {
    let entries = 0;
    for (const entry of this.listNow(range)) {
      signal?.throwIfAborted();
      yield entry;
      entries += 1;
      if (entries % entriesPerTurn === 0) await setImmediate();
    }
  }

  *listNow(range: PathRange): Generator<SourceEntry, void, undefined> {
    this.#checkRoot();
    const raw = rawRangeOf(range);
    // The walk meets again what still hides something.
    for (const path of this.#obstacles.keys()) if (overlaps(path, raw)) this.#obstacles.delete(path);
    try {
      for (const path of walkInByteOrder(this.#root, raw, (left, error) => this.#leaveOut(left, error))) {
        const entry = this.#findEntry(path);
        if (entry !== undefined) yield entry;
      }
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  async open(listed: SourceEntry, range?: ByteRange, signal?: AbortSignal): Promise<OpenedEntry> {
    signal?.throwIfAborted();
    const offset = Math.min(range?.offset ?? 0, listed.size);
    const length = Math.min(range?.length ?? listed.size, listed.size - offset);
    const now = this.#openNow(listed, { offset, length });
    if (now !== undefined) return now;
    const entry = this.#reread(listed);
    return { entry, content: this.#pieces(this.#fileOf(listed), { offset, length }, signal) };
  }

  openNow(listed: SourceEntry): OpenedEntry | undefined {
    return this.#openNow(listed, { offset: 0, length: listed.size });
  }

  findObstacle(path: Uint8Array): SourceEntryError | undefined {
    if (this.#obstacles.size === 0) return undefined;
    const raw = rawPathOf(path);
    for (let slash = raw.indexOf('/'); slash >= 0; slash = raw.indexOf('/', slash + 1)) {
      const found = this.#obstacles.get(raw.slice(0, slash + 1));
      if (found !== undefined) return found;
    }
    return this.#obstacles.get(raw);
  }

  now(): Promise<Date> {
    return Promise.resolve(this.#clock.now());
  }

  #findEntry(path: RawPath): SourceEntry | undefined {
    const bytes = pathBytes(path);
    try {
      const entry = this.#statEntry(bytes, path);
      // Gone between the directory's listing and now: the same as gone before it.
      if (entry === undefined) return undefined;
      if ((entry.kind === 'directory') !== path.endsWith('/')) throw changedError(bytes);
      return entry;
    } catch (error) {
      this.#leaveOut(path, error);
      return undefined;
    }
  }

  /** Reports an entry that a listing could not show, and remembers it if it may be there all the same. */
  #leaveOut(path: RawPath, error: unknown): void {
    const warning = sourceEntryErrorOf(error, pathBytes(path), behindObstacle);
    if (!(warning instanceof SourceEntryError)) throw warning;
    this.#onWarning(warning);
    // An entry that became something else, such as a pipe, is no obstacle: it took the place of what was there.
    const isObstacle = warning.reason === 'denied' || warning.reason === 'unreadable';
    if (isObstacle && warning !== error) this.#obstacles.set(path, warning);
  }

  #statEntry(bytes: Uint8Array, path: RawPath): SourceEntry | undefined {
    // With the slash at its end the call would follow a link that took the directory's place.
    const fullPath = callPathOf(`${this.#root}/${path.endsWith('/') ? path.slice(0, -1) : path}` as RawPath);
    const stats = lstatSync(fullPath, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    if (stats.isDirectory()) this.#checkNoVault(bytes, stats);
    const entry = entryOf(
      bytes,
      stats,
      stats.isSymbolicLink() ? readlinkSync(fullPath, { encoding: 'buffer' }) : undefined,
    );
    if (entry === undefined) {
      throw new SourceEntryError(
        'left-out',
        shownPath(bytes),
        'is a socket, device or pipe and is not backed up',
      );
    }
    return entry;
  }

  /** Finds the vault also where a bind mount brought it there. */
  #checkNoVault(path: Uint8Array, stats: BigIntStats): void {
    if (this.#vaultIdentity === undefined || !isSameDirectory(identityOf(stats), this.#vaultIdentity)) return;
    throw vaultInside(`${shownPath(this.#root)}/${shownPath(path)}`, this.#vault ?? '');
  }

  /**
   * Reads a directory's facts as they are now, as it changes with everything in it; a link must be as it was listed.
   */
  #reread(listed: SourceEntry): SourceEntry {
    try {
      const entry = this.#statEntry(listed.path, rawPathOf(listed.path));
      if (entry === undefined)
        throw new SourceEntryError('vanished', shownPath(listed.path), 'vanished since it was listed');
      const same =
        entry.kind === listed.kind &&
        (entry.kind === 'directory' || entry.changeToken === listed.changeToken);
      if (!same) throw changedError(listed.path);
      return entry;
    } catch (error) {
      throw sourceEntryErrorOf(error, listed.path);
    }
  }

  #fileOf({ path, changeToken }: SourceEntry): ListedFile {
    return { path, fullPath: pathBytes(`${this.#root}/${rawPathOf(path)}`), changeToken };
  }

  #openNow(listed: SourceEntry, range: ByteRange): OpenedEntry | undefined {
    if (listed.kind === 'object') {
      throw new InvalidInputError(
        `${JSON.stringify(shownPath(listed.path))} is an object of a bucket; open it with the source that listed it`,
      );
    }
    if (listed.kind !== 'file') return { entry: this.#reread(listed), content: one(nothing), whole: nothing };
    if (range.length > wholeReadBytes) return undefined;
    // The file is in the listed state: the change token covers all that an entry has of a file.
    const whole = readListed(this.#fileOf(listed), range);
    return { entry: listed, content: one(whole), whole };
  }

  async *#pieces(
    file: ListedFile,
    range: ByteRange,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const buffer = this.#freeBuffers.pop() ?? Buffer.allocUnsafeSlow(pieceBytes);
    try {
      let pieces = 0;
      for (const piece of piecesOfListed(file, range, buffer)) {
        signal?.throwIfAborted();
        yield piece;
        pieces += 1;
        if (pieces % piecesPerTurn === 0) await setImmediate();
      }
    } finally {
      this.#freeBuffers.push(buffer);
    }
  }

  #checkRoot(): void {
    try {
      if (statSync(pathBytes(`${this.#root}/`)).isDirectory()) return;
    } catch (error) {
      throw this.#unavailable(error);
    }
    throw this.#unavailable(undefined);
  }

  #unavailable(cause: unknown): Error {
    if (cause instanceof Error && errnoOf(cause) === undefined) return cause;
    const root = JSON.stringify(shownPath(this.#root) || '/');
    const why = errnoOf(cause) ?? 'ENOTDIR';
    return new SourceUnavailableError(
      `directory ${root} cannot be read (${why}); check that it exists and that this user may list it`,
      { cause },
    );
  }
}
