import { closeSync, constants, openSync, readlinkSync, realpathSync, renameSync, unlinkSync } from 'node:fs';

import {
  concernsOne,
  equalBytes,
  fileOfObject,
  findLinkTarget,
  InvalidInputError,
  isLinkObject,
  RestorePathError,
  TargetUnavailableError,
  UnkeptFacts,
} from '@holdfast/engine';
import type {
  RandomBytes,
  RestoredContent,
  RestoreTarget,
  SourceEntry,
  UnkeptCount,
  WriteOptions,
  WriteOutcome,
} from '@holdfast/engine';
import type { OverwriteRule } from '@holdfast/engine/model';

import { ClaimedNames } from './claimed-names.ts';
import { differences, FactSetter, noteUnkept } from './apply-facts.ts';
import { findDirectoryIdentity, isWithin } from '../source/directory-identity.ts';
import { errnoOf } from '../errno.ts';
import { toDirectoryError } from './directory-target-errors.ts';
import { ExactFacts } from './exact-facts.ts';
import { factsOf } from '../file-facts.ts';
import { isUnsupported, systemCalls } from '../file-system-calls.ts';
import type { FileSystemCalls } from '../file-system-calls.ts';
import { makeDirectories } from './make-directories.ts';
import { makeProcessMark } from '../store/process-mark.ts';
import type { ProcessMark } from '../store/process-mark.ts';
import { rawPathOf, shownPath } from '../source/raw-path.ts';
import type { RawPath } from '../source/raw-path.ts';
import { restorePathOf } from './restore-path.ts';
import { StagingNames } from './staging-names.ts';
import { isUnfinishedEntry, TargetDirectories } from './target-directories.ts';
import type { SharedDirectories, SharedDirectory } from './target-directories.ts';
import { TargetFiles } from './target-files.ts';
import type { FillFile } from './target-files.ts';
import { TargetPlaces } from './target-places.ts';
import type { TargetPlace } from './target-places.ts';

export interface DirectoryTargetOptions {
  /** Made when it is missing. A symbolic link is followed here, and nowhere below. */
  readonly root: string;
  readonly random: RandomBytes;
  /** Gives files the owners they had. @default true as root, else false */
  readonly restoreOwners?: boolean;
  /** Directory of the vault that is restored from: it is never written into. */
  readonly vault?: string;
  /** Directories that another target's `prepare` has made, with their outcomes: their facts are not set here. */
  readonly shared?: SharedDirectories;
  /**
   * Writes all content of an entry into an open, empty file, if it takes it on.
   * @default the content that is given is written
   */
  readonly fill?: FillFile | undefined;
  /** Process whose files lie in the target. @default this process */
  readonly process?: ProcessMark;
  /** @default the operating system's */
  readonly calls?: FileSystemCalls;
  /** @default those of the system's Python */
  readonly exact?: ExactFacts;
}

/**
 * A directory that entries are restored into.
 *
 * - **Nothing outside it is touched**: a path with an empty, `.` or `..` part is refused, and so is one that would go
 *   through a symbolic link or a file, see {@link TargetDirectories}. Restored links may point anywhere.
 * - A file appears whole, with all its facts: mode, modification time and, as root, owner, see {@link TargetFiles}.
 *   Set-user-id and set-group-id need the owner that they were for.
 * - What the file system or the user's rights do not allow to be as it was (`UnkeptFact`) is counted, see `finish`.
 * - `if-different` compares content (byte for byte, whatever the times say), mode, time and owner.
 * - A directory is only its owner's while it is being filled; its own facts are set by `finish`, also by that of a
 *   repetition. One that was there and is read-only is made writable meanwhile, and is read-only again in the end.
 *   Where several workers restore one tree, see `prepare`.
 * - Where the file system takes some names for others, the second of two entries that have one place is refused, see
 *   {@link ClaimedNames}.
 * - Objects of a bucket become files; one whose key ends in `/` and that is empty becomes a directory. One that stands
 *   for a file has its facts in its metadata ({@link fileOfObject}). A bucket's writers need no rights on any machine, so
 *   set-id bits and attributes that give rights are not taken from there.
 *
 * Calls to the file system are synchronous. Nothing is flushed to the disk: that is left to the operating system.
 */
export class DirectoryTarget implements RestoreTarget {
  readonly naming = 'tree';
  readonly linksNames = true;
  readonly #root: RawPath;
  readonly #calls: FileSystemCalls;
  readonly #facts: FactSetter;
  readonly #exact: ExactFacts;
  readonly #unkept = new UnkeptFacts();
  readonly #directories: TargetDirectories;
  readonly #places: TargetPlaces;
  readonly #files: TargetFiles;
  /** Directories whose facts wait for `finish`. */
  readonly #pending = new Map<RawPath, TargetPlace>();
  readonly #names: ClaimedNames;
  /** Writes where names may be one: one entry after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * @throws {@link InvalidInputError} the root is in the vault's own directory.
   * @throws {@link TargetUnavailableError} the directory cannot be made or is none.
   */
  constructor(options: DirectoryTargetOptions) {
    const { root, random, vault, calls = systemCalls, process: mark = makeProcessMark() } = options;
    if (vault !== undefined && isWithin(root, vault)) {
      throw new InvalidInputError(
        `directory ${JSON.stringify(root)} lies in the vault ${JSON.stringify(vault)} that is restored from; name another`,
      );
    }
    try {
      makeDirectories(root);
      const real = rawPathOf(realpathSync(root, { encoding: 'buffer' }));
      this.#root = (real === '/' ? '' : real) as RawPath;
    } catch (error) {
      throw new TargetUnavailableError(
        `directory ${JSON.stringify(root)} cannot be restored to (${errnoOf(error)}); name another`,
        { cause: error },
      );
    }
    this.#calls = calls;
    this.#facts = new FactSetter(options.restoreOwners ?? process.geteuid?.() === 0, calls);
    this.#exact = options.exact ?? new ExactFacts();
    const staging = new StagingNames(mark, random);
    const directories = new TargetDirectories(this.#root, staging, {
      shared: options.shared,
      forbidden: vault === undefined ? undefined : findDirectoryIdentity(vault),
    });
    this.#directories = directories;
    this.#places = new TargetPlaces(this.#root, staging, directories);
    this.#files = new TargetFiles({
      calls,
      places: this.#places,
      directories,
      facts: this.#facts,
      exact: this.#exact,
      unkept: this.#unkept,
      fill: options.fill,
    });
    this.#names = new ClaimedNames(
      this.#root,
      () => staging.next(),
      (directory) => directories.hasMade(directory),
    );
  }

  async write(
    given: SourceEntry,
    content: RestoredContent,
    rule: OverwriteRule,
    options: WriteOptions = {},
  ): Promise<WriteOutcome> {
    options.signal?.throwIfAborted();
    const entry = fileOfObject(given, isLinkObject(given) ? await join(content) : undefined);
    const place = this.#places.placeOf(entry);
    const { path } = place;
    if (!this.#isFolding(path)) return this.#writePlaced(place, content, rule, options);
    const turn = this.#turn.then(async () => {
      this.#names.claim(path);
      return this.#writePlaced(place, content, rule, options);
    });
    this.#turn = turn.catch(() => undefined);
    return turn.catch((error: unknown) => {
      throw toDirectoryError(error, this.#root, path);
    });
  }

  writeAtOnce(
    entry: SourceEntry,
    content: readonly Uint8Array[],
    rule: OverwriteRule,
  ): WriteOutcome | undefined {
    if (entry.kind !== 'file' && entry.kind !== 'directory') return undefined;
    const place = this.#places.placeOf(entry);
    if (this.#isFolding(place.path)) return undefined;
    try {
      if (entry.kind === 'directory') return this.#writeDirectory(place, rule);
      return place.endsInSlash ? undefined : this.#files.writeNew(place, content, rule);
    } catch (error) {
      throw toDirectoryError(error, this.#root, place.path);
    }
  }

  #isFolding(path: RawPath): boolean {
    try {
      return this.#names.isFolding(path);
    } catch (error) {
      throw toDirectoryError(error, this.#root, path);
    }
  }

  async #writePlaced(
    place: TargetPlace,
    content: RestoredContent,
    rule: OverwriteRule,
    options: WriteOptions,
  ): Promise<WriteOutcome> {
    const { entry, path } = place;
    try {
      if (entry.kind === 'directory') return this.#writeDirectory(place, rule);
      if (!place.endsInSlash) {
        return entry.kind === 'symlink'
          ? await this.#writeLink(place, rule)
          : await this.#files.write(place, content, rule, options);
      }
      // A bucket's folder marker.
      if (entry.kind === 'object' && entry.size === 0) return this.#writeDirectory(place, rule);
      throw new RestorePathError(
        shownPath(entry.path),
        'it has a "/" at its end but is no directory; restore it to a bucket',
      );
    } catch (error) {
      throw toDirectoryError(error, this.#root, path);
    }
  }

  /**
   * Makes and opens the directories that several workers write into, before they begin: each worker would change the
   * times and take away rights that another still needs. `finish` sets their facts when all workers are done.
   * @param entries - those that are restored, in the order of their paths.
   * @param paths - all of them, also those that are not restored themselves; without a `/` at their end.
   */
  async prepare(
    entries: readonly SourceEntry[],
    paths: readonly Uint8Array[],
    rule: OverwriteRule,
  ): Promise<SharedDirectories> {
    const shared = new Map<string, SharedDirectory>();
    this.#directories.open('' as RawPath);
    for (const entry of entries) {
      try {
        const outcome = await this.write(entry, nothing(), rule);
        const path = rawPathOf(entry.path).slice(0, -1) as RawPath;
        shared.set(path, { outcome, isNew: this.#directories.hasMade(path) });
      } catch (error) {
        // The outcome of the entry's shard says so.
        if (!concernsOne(error)) throw error;
      }
    }
    for (const path of paths) this.#directories.open(rawPathOf(path));
    return shared;
  }

  /** Tells that the file system takes some names for others: then one target writes all, in the order of paths. */
  foldsNames(): boolean {
    return this.#isFolding('' as RawPath);
  }

  /** Makes and removes a file in the nearest directory that there is. */
  async accepts(entry: SourceEntry, rule: OverwriteRule): Promise<boolean> {
    await Promise.resolve();
    try {
      const { parent, name } = restorePathOf(entry.path);
      const path = (parent === '' ? name : `${parent}/${name}`) as RawPath;
      try {
        if (rule !== 'never' || this.#places.findStats(this.#places.fullPath(path)) === undefined)
          this.#tryFileFor(parent);
        return true;
      } catch (error) {
        throw toDirectoryError(error, this.#root, path);
      }
    } catch (error) {
      if (concernsOne(error)) return false;
      throw error;
    }
  }

  /** Makes and removes a file in a directory, or in the nearest existing one above it. */
  #tryFileFor(directory: RawPath): void {
    let nearest = directory;
    while (nearest !== '' && this.#places.findStats(this.#places.fullPath(nearest)) === undefined)
      nearest = nearest.slice(0, Math.max(0, nearest.lastIndexOf('/'))) as RawPath;
    this.#directories.inside(nearest, () => this.#tryFile(nearest));
  }

  #tryFile(directory: RawPath): void {
    const path = this.#places.stagingPath(directory);
    closeSync(openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600));
    unlinkSync(path);
  }

  /** Sets the facts of directories, the inner ones first. All are tried, whatever becomes of one of them. */
  async finish(): Promise<readonly UnkeptCount[]> {
    // From the outside in: opening one to set its facts needs rights on it and on those above it.
    for (const path of [...this.#pending.keys()].sort())
      if (!this.#directories.hasMade(path)) this.#directories.open(path);
    const paths = new Set([...this.#pending.keys(), ...this.#directories.opened]);
    const failures: Error[] = [];
    for (const path of [...paths].sort().reverse()) {
      try {
        const place = this.#pending.get(path);
        if (place === undefined) this.#directories.close(path);
        else await this.#finishDirectory(place);
      } catch (error) {
        const failure = toDirectoryError(error, this.#root, path);
        const entry = this.#pending.get(path)?.entry;
        if (concernsOne(failure) && entry !== undefined) noteUnkept(this.#unkept, entry, ['mode', 'time']);
        else failures.push(failure);
      }
    }
    this.#directories.forgetOpened();
    this.#pending.clear();
    this.#files.forgetMarked();
    await this.#exact.close();
    if (failures[0] !== undefined) throw failures[0];
    return this.#unkept.take();
  }

  async #finishDirectory({ fullPath, path, entry }: TargetPlace): Promise<void> {
    const fd = this.#directories.inside(path, () =>
      openSync(fullPath, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW),
    );
    try {
      noteUnkept(this.#unkept, entry, this.#facts.apply(fd, entry).unkept);
    } finally {
      closeSync(fd);
    }
    if (this.#exact.areWanted(entry)) this.#unkept.add(entry.path, await this.#exact.apply(fullPath, entry));
  }

  #writeDirectory(place: TargetPlace, rule: OverwriteRule): WriteOutcome {
    const { entry, path, parent, fullPath } = place;
    const { mode } = factsOf(entry);
    this.#directories.ensure(parent);
    const shared = this.#directories.findShared(path);
    if (shared !== undefined) return shared.outcome;
    const asNew = { replace: true, unfinished: mode !== undefined };
    // Most directories of most restores: nothing is looked at.
    if (this.#directories.isNew(parent) && this.#directories.makeNew(path, asNew)) {
      this.#pending.set(path, place);
      return 'written';
    }
    const existing = this.#directories.inside(parent, () => this.#places.findStats(fullPath));
    const mine =
      existing === undefined || this.#directories.hasMade(path) || isUnfinishedEntry(existing, mode);
    if (rule === 'never' && !mine) {
      const same = existing.isDirectory() && this.#facts.areSetOn(existing, entry);
      return same ? 'same' : 'kept';
    }
    this.#directories.ensure(path, asNew);
    this.#pending.set(path, place);
    return existing?.isDirectory() === true && this.#facts.areSetOn(existing, entry) ? 'same' : 'written';
  }

  async #writeLink(place: TargetPlace, rule: OverwriteRule): Promise<WriteOutcome> {
    const { entry, fullPath, parent } = place;
    const target = findLinkTarget(entry);
    if (target === undefined)
      throw new RestorePathError(shownPath(entry.path), 'it is a link whose target is missing or has a NUL');
    this.#directories.ensure(parent);
    const existing = this.#places.findReplaceable(place, rule);
    if (rule !== 'always' && existing?.isSymbolicLink() === true) {
      const same = equalBytes(readlinkSync(fullPath, { encoding: 'buffer' }), target);
      const hasFacts = same && this.#facts.areSetOn(existing, entry);
      if (hasFacts && (await this.#exact.areSetOn(fullPath, entry))) return 'same';
    }
    if (rule === 'never' && existing !== undefined) return 'kept';
    const staged = this.#places.stagingPath(place.parent);
    this.#makeLink(place, Buffer.from(target), staged);
    try {
      this.#facts.applyToLink(staged, entry);
      this.#unkept.add(entry.path, await this.#exact.apply(staged, entry));
      if (rule === 'never' && this.#places.findStats(fullPath) !== undefined) return 'kept';
      renameSync(staged, fullPath);
    } finally {
      if (this.#places.findStats(staged) !== undefined) unlinkSync(staged);
    }
    const written = this.#places.findStats(fullPath);
    if (written !== undefined) noteUnkept(this.#unkept, entry, differences(written, entry));
    return 'written';
  }

  #makeLink({ entry, parent }: TargetPlace, target: Buffer, staged: Buffer): void {
    try {
      this.#directories.inside(parent, () => this.#calls.symlink(target, staged));
    } catch (error) {
      if (!isUnsupported(error)) throw error;
      throw new RestorePathError(
        shownPath(entry.path),
        'the file system has no symbolic links; restore it to another',
      );
    }
  }
}

async function join(content: RestoredContent): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(new Uint8Array(piece));
  return Buffer.concat(pieces);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
