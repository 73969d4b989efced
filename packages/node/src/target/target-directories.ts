import { chmodSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';

import { RestorePathError } from '@holdfast/engine';
import type { WriteOutcome } from '@holdfast/engine';

import { identityOf, isSameDirectory } from '../source/directory-identity.ts';
import type { DirectoryIdentity } from '../source/directory-identity.ts';
import { errnoOf } from '../errno.ts';
import { pathBytes, shownPath } from '../source/raw-path.ts';
import type { RawPath } from '../source/raw-path.ts';
import type { StagingNames } from './staging-names.ts';

/** Most directories that are remembered as checked, so that a million of them do not fill the memory. */
const checkedMost = 100_000;

/** Attempts to work in a directory: another worker may take back the rights that this one has just given itself. */
const openAttempts = 3;

const fillBits = 0o700;
/**
 * Mode of a directory that is being filled: for its owner alone, with the sticky bit, which means nothing there and
 * which hardly any directory has. By it a repetition finds the directories that a killed restore did not finish.
 */
const unfinishedMode = 0o1000 | fillBits;

/** Tells a directory that looks as if a killed restore had not set its facts yet. */
export function isUnfinishedEntry(stats: BigIntStats, mode: number | undefined): boolean {
  const found = Number(stats.mode) & 0o1777;
  const opened = mode === undefined ? undefined : (mode | unfinishedMode) & 0o1777;
  return stats.isDirectory() && isMine(stats) && (found === unfinishedMode || found === opened);
}

function isMine(stats: BigIntStats): boolean {
  return Number(stats.uid) === process.geteuid?.();
}

function parentOf(path: RawPath): RawPath {
  const slash = path.lastIndexOf('/');
  return (slash < 0 ? '' : path.slice(0, slash)) as RawPath;
}

/** A directory that several workers write into. */
export interface SharedDirectory {
  readonly outcome: WriteOutcome;
  /** This restore has made it. */
  readonly isNew: boolean;
}

/** By their paths in latin1 without a `/` at their end. */
export type SharedDirectories = ReadonlyMap<string, SharedDirectory>;

export interface TargetDirectoriesOptions {
  /** Directories that another target has made or found. */
  readonly shared?: SharedDirectories | undefined;
  /** Directory that is never written into: the vault that is restored from. */
  readonly forbidden?: DirectoryIdentity | undefined;
}

export interface EnsureOptions {
  /** Lets it take the place of a file or link; those above it never do. */
  readonly replace?: boolean;
  /** Leaves its mode for later: until then only its owner can enter. */
  readonly unfinished?: boolean;
}

function modeOf({ unfinished = false }: EnsureOptions): number {
  return unfinished ? unfinishedMode : 0o777;
}

/**
 * The directories below a target's root: makes them, and makes sure that each is one. A symbolic link on the way is
 * never followed, whether it was restored or was there before. A read-only directory is made writable for as long as it
 * takes; temporary files of killed restores are removed on the way.
 *
 * A directory is checked once. It stays one as far as this program goes, which puts nothing in the place of a
 * directory. Somebody else who can write into the target while a restore runs can still swap one for a link; restore
 * into a directory that only the restoring user can write to.
 */
export class TargetDirectories {
  readonly #root: RawPath;
  readonly #staging: StagingNames;
  readonly #shared: SharedDirectories;
  readonly #forbidden: DirectoryIdentity | undefined;
  readonly #checked = new Set<string>();
  readonly #made = new Set<string>();
  /** Modes to put back of directories that were made writable. */
  readonly #opened = new Map<RawPath, number>();

  constructor(root: RawPath, staging: StagingNames, { shared, forbidden }: TargetDirectoriesOptions) {
    this.#root = root;
    this.#staging = staging;
    this.#shared = shared ?? new Map();
    this.#forbidden = forbidden;
  }

  /** Tells that this object made the directory, so that setting its facts changes nobody else's. */
  hasMade(path: RawPath): boolean {
    return this.#made.has(path);
  }

  findShared(path: RawPath): SharedDirectory | undefined {
    return this.#shared.get(path);
  }

  /** Tells a directory that this restore has made, which is nearly empty. */
  isNew(path: RawPath): boolean {
    return this.hasMade(path) || this.#shared.get(path)?.isNew === true;
  }

  /**
   * Makes sure that a directory and all above it exist.
   * @throws {@link RestorePathError} one of them is something else, or must not be written into.
   */
  ensure(path: RawPath, options: EnsureOptions = {}): void {
    if (this.#checked.has(path)) return;
    if (path === '') {
      this.#tidyUp(path);
    } else {
      const parent = parentOf(path);
      this.ensure(parent);
      if (!this.makeNew(path, options)) this.inside(parent, () => this.#takePlace(path, options));
    }
    this.#remember(path);
  }

  #remember(path: RawPath): void {
    if (this.#checked.size >= checkedMost) this.#checked.clear();
    this.#checked.add(path);
  }

  /** Makes a directory, the one above it is there. @returns false when something has its place. */
  makeNew(path: RawPath, options: EnsureOptions): boolean {
    const full = this.#fullPath(path);
    try {
      this.inside(parentOf(path), () => mkdirSync(full, modeOf(options)));
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    }
    this.#made.add(path);
    this.#remember(path);
    return true;
  }

  /** Runs a call that works in a directory; one without rights for its owner is made writable, until {@link close}. */
  inside<T>(directory: RawPath, call: () => T): T {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return call();
      } catch (error) {
        if (errnoOf(error) !== 'EACCES' || attempt > openAttempts || !this.open(directory)) throw error;
      }
    }
  }

  /**
   * Makes an existing directory writable for its owner, until {@link close}. @returns true when that changed anything.
   */
  open(directory: RawPath): boolean {
    const full = this.#fullPath(directory);
    const stats = lstatSync(full, { bigint: true, throwIfNoEntry: false });
    if (stats?.isDirectory() !== true || !isMine(stats)) return false;
    const mode = Number(stats.mode) & 0o7777;
    if ((mode & fillBits) === fillBits) return false;
    chmodSync(full, mode | unfinishedMode);
    if (!this.#opened.has(directory)) this.#opened.set(directory, mode);
    return true;
  }

  get opened(): readonly RawPath[] {
    return [...this.#opened.keys()];
  }

  /** Puts back the mode of a directory that was made writable. */
  close(directory: RawPath): void {
    const mode = this.#opened.get(directory);
    if (mode !== undefined) chmodSync(this.#fullPath(directory), mode);
    this.#opened.delete(directory);
  }

  /** Leaves opened directories as they are: their facts have been set. */
  forgetOpened(): void {
    this.#opened.clear();
  }

  /** Goes on with the directory that is there, or puts one into the place of something else. */
  #takePlace(path: RawPath, options: EnsureOptions): void {
    const full = this.#fullPath(path);
    const stats = lstatSync(full, { bigint: true });
    if (stats.isDirectory()) return this.#checkExisting(path, stats);
    if (options.replace !== true) {
      throw new RestorePathError(
        shownPath(path),
        'something else than a directory is there; remove it, or restore elsewhere',
      );
    }
    unlinkSync(full);
    mkdirSync(full, modeOf(options));
    this.#made.add(path);
  }

  #checkExisting(path: RawPath, stats: BigIntStats): void {
    if (this.#forbidden !== undefined && isSameDirectory(identityOf(stats), this.#forbidden)) {
      throw new RestorePathError(
        shownPath(path),
        'the vault that it is restored from is there; restore elsewhere',
      );
    }
    this.#tidyUp(path);
  }

  /** Best effort: leftovers that cannot be removed are in nobody's way. */
  #tidyUp(path: RawPath): void {
    const full = (path === '' ? this.#root : `${this.#root}/${path}`) as RawPath;
    try {
      this.#staging.removeLeftovers(full);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }

  #fullPath(path: RawPath): Buffer {
    return pathBytes(`${this.#root}/${path}`);
  }
}
