import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import type { BigIntStats } from 'node:fs';

import {
  concernsOne,
  equalBytes,
  fileOfObject,
  findLinkTarget,
  InvalidInputError,
  isFileAttribute,
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
import type { OverwriteRule, UnkeptFact } from '@holdfast/engine/model';

import { ClaimedNames } from './claimed-names.ts';
import { differences, FactSetter, haveSameFacts } from './apply-facts.ts';
import { findDirectoryIdentity, isWithin } from '../source/directory-identity.ts';
import { errnoOf } from '../errno.ts';
import { toDirectoryError } from './directory-target-errors.ts';
import { ExactFacts } from './exact-facts.ts';
import { ExistingFile } from './existing-file.ts';
import { factsOf } from '../file-facts.ts';
import { isUnsupported, systemCalls } from '../file-system-calls.ts';
import type { FileSystemCalls } from '../file-system-calls.ts';
import { makeDirectories } from './make-directories.ts';
import { makeProcessMark } from '../store/process-mark.ts';
import type { ProcessMark } from '../store/process-mark.ts';
import { pathBytes, rawPathOf, shownPath } from '../source/raw-path.ts';
import type { RawPath } from '../source/raw-path.ts';
import { restorePathOf } from './restore-path.ts';
import { isUnfinishedFile, StagedFile } from './staged-file.ts';
import { isStagingName, StagingNames } from './staging-names.ts';
import { isUnfinishedEntry, TargetDirectories } from './target-directories.ts';

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

/** @returns false when the file has to be written by its target, over what may be there of it already. */
export type FillFile = (entry: SourceEntry, fd: number) => Promise<boolean>;

/** A directory that several workers write into. */
interface SharedDirectory {
  readonly outcome: WriteOutcome;
  /** This restore has made it. */
  readonly isNew: boolean;
}

/** By their paths in latin1 without a `/` at their end. */
export type SharedDirectories = ReadonlyMap<string, SharedDirectory>;

interface Placed {
  readonly entry: SourceEntry;
  /** Below the root, without a `/` at its end. */
  readonly path: RawPath;
  readonly fullPath: Buffer;
  readonly parent: RawPath;
  readonly endsInSlash: boolean;
}

/**
 * A directory that entries are restored into.
 *
 * - **Nothing outside it is touched**: a path with an empty, `.` or `..` part is refused, and so is one that would go
 *   through a symbolic link or a file, see {@link TargetDirectories}. Restored links may point anywhere.
 * - A file is written beside its place, as `.holdfast-…`, and appears whole, with all its facts: mode, modification time
 *   and, as root, owner. Set-user-id and set-group-id need the owner that they were for. Runs of zeros become holes. What
 *   a restore that was killed left beside is removed by the next one. A small file in a directory that this object has
 *   made is written in its place, in one go; its mode says so until it is whole, and the next restore replaces it.
 * - Names of one file are one file again (`sameAs`), where the file system can and nothing else is in their place.
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
 * A file is written in one call: nobody takes the time of a process that writes to a disk. Calls to the file system are
 * synchronous. Nothing is flushed to the disk: that is left to the operating system. A file that has the facts of its
 * entry, and of its bytes nothing but some, is what a power cut left of one: it is replaced under every rule.
 */
export class DirectoryTarget implements RestoreTarget {
  readonly naming = 'tree';
  readonly linksNames = true;
  readonly #root: RawPath;
  readonly #calls: FileSystemCalls;
  readonly #facts: FactSetter;
  readonly #exact: ExactFacts;
  readonly #staging: StagingNames;
  readonly #shared: SharedDirectories;
  readonly #fill: FillFile | undefined;
  readonly #directories: TargetDirectories;
  /** Directories whose facts wait for `finish`. */
  readonly #pending = new Map<RawPath, Placed>();
  /** Facts of the marked file that was made last, and its directory. */
  #marked: { readonly parent: RawPath; readonly stats: BigIntStats } | undefined;
  #unkept = new UnkeptFacts();
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
    this.#staging = new StagingNames(mark, random);
    this.#shared = options.shared ?? new Map();
    this.#fill = options.fill;
    const forbidden = vault === undefined ? undefined : findDirectoryIdentity(vault);
    const directories = new TargetDirectories(this.#root, this.#staging, forbidden);
    this.#directories = directories;
    this.#names = new ClaimedNames(
      this.#root,
      () => this.#staging.next(),
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
    const placed = this.#place(fileOfObject(given, isLinkObject(given) ? await join(content) : undefined));
    const { path } = placed;
    if (!this.#isFolding(path)) return this.#writePlaced(placed, content, rule, options);
    const turn = this.#turn.then(async () => {
      this.#names.claim(path);
      return this.#writePlaced(placed, content, rule, options);
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
    const placed = this.#place(entry);
    if (this.#isFolding(placed.path)) return undefined;
    try {
      if (entry.kind === 'directory') return this.#writeDirectory(placed, rule);
      return placed.endsInSlash ? undefined : this.#writeNew(placed, content, rule);
    } catch (error) {
      throw toDirectoryError(error, this.#root, placed.path);
    }
  }

  #place(entry: SourceEntry): Placed {
    const { parent, name, isDirectory: endsInSlash } = restorePathOf(entry.path);
    if (isStagingName(name)) {
      throw new RestorePathError(
        shownPath(entry.path),
        'it has the name of a temporary file of a restore, and would be removed as one; restore it to a bucket',
      );
    }
    const path = (parent === '' ? name : `${parent}/${name}`) as RawPath;
    return { entry, path, parent, endsInSlash, fullPath: this.#fullPath(path) };
  }

  #isFolding(path: RawPath): boolean {
    try {
      return this.#names.isFolding(path);
    } catch (error) {
      throw toDirectoryError(error, this.#root, path);
    }
  }

  async #writePlaced(
    placed: Placed,
    content: RestoredContent,
    rule: OverwriteRule,
    options: WriteOptions,
  ): Promise<WriteOutcome> {
    const { entry, path } = placed;
    try {
      if (entry.kind === 'directory') return this.#writeDirectory(placed, rule);
      if (!placed.endsInSlash) {
        return entry.kind === 'symlink'
          ? await this.#writeLink(placed, rule)
          : await this.#writeFile(placed, content, rule, options);
      }
      // A bucket's folder marker.
      if (entry.kind === 'object' && entry.size === 0) return this.#writeDirectory(placed, rule);
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
        if (rule !== 'never' || this.#findStats(this.#fullPath(path)) === undefined) this.#tryFileFor(parent);
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
    while (nearest !== '' && this.#findStats(this.#fullPath(nearest)) === undefined)
      nearest = nearest.slice(0, Math.max(0, nearest.lastIndexOf('/'))) as RawPath;
    this.#directories.inside(nearest, () => this.#tryFile(nearest));
  }

  #tryFile(directory: RawPath): void {
    const path = this.#stagingPath(directory);
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
        const placed = this.#pending.get(path);
        if (placed === undefined) this.#directories.close(path);
        else await this.#finishDirectory(placed);
      } catch (error) {
        const failure = toDirectoryError(error, this.#root, path);
        const entry = this.#pending.get(path)?.entry;
        if (concernsOne(failure) && entry !== undefined) this.#noteUnkept(entry, ['mode', 'time']);
        else failures.push(failure);
      }
    }
    this.#directories.forgetOpened();
    this.#pending.clear();
    // A directory may have got a group by now that its new files take.
    this.#marked = undefined;
    await this.#exact.close();
    if (failures[0] !== undefined) throw failures[0];
    const unkept = this.#unkept.list();
    this.#unkept = new UnkeptFacts();
    return unkept;
  }

  async #finishDirectory({ fullPath, path, entry }: Placed): Promise<void> {
    const fd = this.#directories.inside(path, () =>
      openSync(fullPath, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW),
    );
    try {
      this.#noteUnkept(entry, this.#facts.apply(fd, entry).unkept);
    } finally {
      closeSync(fd);
    }
    if (this.#exact.areWanted(entry)) this.#unkept.add(entry.path, await this.#exact.apply(fullPath, entry));
  }

  #writeDirectory(placed: Placed, rule: OverwriteRule): WriteOutcome {
    const { entry, path, parent, fullPath } = placed;
    const { mode } = factsOf(entry);
    this.#directories.ensure(parent);
    const shared = this.#shared.get(path);
    if (shared !== undefined) return shared.outcome;
    const asNew = { replace: true, unfinished: mode !== undefined };
    // Most directories of most restores: nothing is looked at.
    if (this.#isNew(parent) && this.#directories.makeNew(path, asNew)) {
      this.#pending.set(path, placed);
      return 'written';
    }
    const existing = this.#directories.inside(parent, () => this.#findStats(fullPath));
    const mine =
      existing === undefined || this.#directories.hasMade(path) || isUnfinishedEntry(existing, mode);
    if (rule === 'never' && !mine) {
      const same = existing.isDirectory() && this.#facts.areSetOn(existing, entry);
      return same ? 'same' : 'kept';
    }
    this.#directories.ensure(path, asNew);
    this.#pending.set(path, placed);
    return existing?.isDirectory() === true && this.#facts.areSetOn(existing, entry) ? 'same' : 'written';
  }

  async #writeLink(placed: Placed, rule: OverwriteRule): Promise<WriteOutcome> {
    const { entry, fullPath, parent } = placed;
    const target = findLinkTarget(entry);
    if (target === undefined)
      throw new RestorePathError(shownPath(entry.path), 'it is a link whose target is missing or has a NUL');
    this.#directories.ensure(parent);
    const existing = this.#findReplaceable(placed, rule);
    if (rule !== 'always' && existing?.isSymbolicLink() === true) {
      const same = equalBytes(readlinkSync(fullPath, { encoding: 'buffer' }), target);
      if (same && (await this.#areSetOn(fullPath, existing, entry))) return 'same';
    }
    if (rule === 'never' && existing !== undefined) return 'kept';
    const staged = this.#stagingPath(placed.parent);
    this.#makeLink(placed, Buffer.from(target), staged);
    try {
      this.#facts.applyToLink(staged, entry);
      this.#unkept.add(entry.path, await this.#exact.apply(staged, entry));
      if (rule === 'never' && this.#findStats(fullPath) !== undefined) return 'kept';
      renameSync(staged, fullPath);
    } finally {
      if (this.#findStats(staged) !== undefined) unlinkSync(staged);
    }
    const written = this.#findStats(fullPath);
    if (written !== undefined) this.#noteUnkept(entry, differences(written, entry));
    return 'written';
  }

  #makeLink({ entry, parent }: Placed, target: Buffer, staged: Buffer): void {
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

  async #writeFile(
    placed: Placed,
    content: RestoredContent,
    rule: OverwriteRule,
    { signal, sameAs }: WriteOptions,
  ): Promise<WriteOutcome> {
    const { entry, fullPath } = placed;
    this.#directories.ensure(placed.parent);
    if (sameAs !== undefined) {
      const outcome = this.#linkName(placed, sameAs, rule);
      if (outcome !== undefined) return outcome;
      this.#unkept.add(entry.path, ['hard-links']);
    }
    const outcome = Symbol.asyncIterator in content ? undefined : this.#writeNew(placed, content, rule);
    if (outcome !== undefined) return outcome;
    // A directory that this restore has made is nearly empty; publishing finds what is there.
    const fresh = rule === 'never' && this.#directories.hasMade(placed.parent);
    const found = fresh ? undefined : this.#findReplaceable(placed, rule);
    const isUnfinished = found !== undefined && isUnfinishedFile(found, entry);
    const existing = isUnfinished ? undefined : found;
    const mayLack = rule === 'never' && existing !== undefined && this.#mayLackBytes(existing, entry);
    const isAsLong = existing?.isFile() === true && Number(existing.size) === entry.size;
    const comparable = rule !== 'always' && (isAsLong || mayLack);
    if (rule === 'never' && existing !== undefined && !comparable) return 'kept';
    const old = comparable ? ExistingFile.find(fullPath, mayLack) : undefined;
    let staged: StagedFile | undefined;
    const stage = (): StagedFile => {
      staged ??= this.#directories.inside(placed.parent, () =>
        StagedFile.beside(this.#stagingPath(placed.parent), entry),
      );
      return staged;
    };
    try {
      // Nothing is compared with what is there.
      const fill = old === undefined && (rule !== 'never' || existing === undefined) ? this.#fill : undefined;
      const isFilled = fill !== undefined && (await stage().fill(entry.size, async (fd) => fill(entry, fd)));
      for await (const piece of isFilled ? [] : content) {
        signal?.throwIfAborted();
        if (old?.startsWithNext(piece) === true) continue;
        if (rule === 'never' && existing !== undefined && old?.lacksOnly !== true) return 'kept';
        // The bytes that were compared so far are equal, so they are taken from there.
        if (old !== undefined && staged === undefined) stage().appendFrom(old.fd, old.equalBytes);
        stage().append(piece);
      }
      const equal = old?.isWhollyEqual() === true;
      const hasAll = equal && existing !== undefined && (await this.#areSetOn(fullPath, existing, entry));
      if (hasAll) return 'same';
      const isCut = !equal && old?.lacksOnly === true;
      if (rule === 'never' && existing !== undefined && !isCut) {
        // An empty file shows the facts that this file system can hold.
        if (!equal || !(await this.#exact.areSetOn(fullPath, entry))) return 'kept';
        return haveSameFacts(stage().setFacts(this.#facts, entry).stats, existing) ? 'same' : 'kept';
      }
      // Copied, not changed in place: the file may have another name outside the target.
      if (old !== undefined && staged === undefined) stage().appendFrom(old.fd, old.equalBytes);
      const { stats, unkept } = stage().setFacts(this.#facts, entry);
      const inexact = await this.#exact.apply(stage().path, entry);
      // The existing file may have all facts that this file system can hold.
      const same =
        equal && existing !== undefined && !this.#exact.areWanted(entry) && haveSameFacts(stats, existing);
      const replaces = rule !== 'never' || isUnfinished || isCut;
      if (!same && stage().publish(fullPath, replaces, this.#calls) === 'taken') return 'kept';
      this.#noteUnkept(entry, [...new Set([...unkept, ...inexact])]);
      return same ? 'same' : 'written';
    } finally {
      staged?.close();
      old?.close();
    }
  }

  /** Writes a file into a directory that this restore has made. @returns `undefined` if nothing was done. */
  #writeNew(
    placed: Placed,
    content: readonly Uint8Array[],
    rule: OverwriteRule,
  ): 'written' | 'kept' | undefined {
    const { entry, parent } = placed;
    this.#directories.ensure(parent);
    // All of its facts have to be there without a pause.
    if (!this.#isNew(parent) || this.#exact.areWanted(entry)) return undefined;
    const outcome = this.#writeInPlace(placed, content);
    if (outcome === 'written') return outcome;
    const isForeign = outcome === 'taken' && this.#directories.hasMade(parent);
    return isForeign && rule === 'never' ? 'kept' : undefined;
  }

  /** Tells a directory that this restore has made, which is nearly empty. */
  #isNew(directory: RawPath): boolean {
    return this.#directories.hasMade(directory) || this.#shared.get(directory)?.isNew === true;
  }

  /**
   * Makes an entry another name of one that was written.
   * @returns `undefined` if it has to be a file of its own: something else is there, or the file system has no such names.
   */
  #linkName(placed: Placed, sameAs: Uint8Array, rule: OverwriteRule): 'written' | 'same' | undefined {
    const { parent, name } = restorePathOf(sameAs);
    const first = this.#fullPath(parent === '' ? name : `${parent}/${name}`);
    const existing = this.#findReplaceable(placed, rule);
    const link = (path: Buffer): void =>
      this.#directories.inside(placed.parent, () => this.#calls.link(first, path));
    try {
      const original = this.#findStats(first);
      if (original?.isFile() !== true) return undefined;
      if (existing?.ino === original.ino && existing.dev === original.dev) return 'same';
      if (existing === undefined) {
        link(placed.fullPath);
        return 'written';
      }
      if (rule === 'never' && !isUnfinishedFile(existing, placed.entry)) return undefined;
      const staged = this.#stagingPath(placed.parent);
      link(staged);
      renameSync(staged, placed.fullPath);
      return 'written';
    } catch (error) {
      // A file of its own can still be made, or says what is wrong.
      if (errnoOf(error) === undefined) throw error;
      return undefined;
    }
  }

  async #areSetOn(fullPath: Buffer, stats: BigIntStats, entry: SourceEntry): Promise<boolean> {
    return this.#facts.areSetOn(stats, entry) && this.#exact.areSetOn(fullPath, entry);
  }

  /**
   * Tells a file that an earlier restore may have finished before a power cut took its bytes: it has all facts of the
   * entry, the time too, which somebody's own file has not.
   */
  #mayLackBytes(existing: BigIntStats, entry: SourceEntry): boolean {
    const isShort = existing.isFile() && Number(existing.size) <= entry.size;
    return isShort && Number.isFinite(entry.modifiedMs) && this.#facts.areSetOn(existing, entry);
  }

  /** Writes a file in its place; `unmarked` where the file system cannot tell an unfinished one from others. */
  #writeInPlace(
    { entry, fullPath, parent }: Placed,
    pieces: readonly Uint8Array[],
  ): 'written' | 'taken' | 'unmarked' {
    const alike = this.#marked?.parent === parent ? this.#marked.stats : undefined;
    const file = this.#directories.inside(parent, () => StagedFile.inPlace(fullPath, entry, alike));
    if (typeof file === 'string') return file;
    this.#marked = file.marked && { parent, stats: file.marked };
    try {
      for (const piece of pieces) file.append(piece);
      const { stats, unkept } = file.setFacts(this.#facts, entry);
      if (isUnfinishedFile(stats, entry)) return 'unmarked';
      file.keep();
      this.#noteUnkept(entry, unkept);
      return 'written';
    } finally {
      file.close();
    }
  }

  /** The existing file in the place of a file or link. A directory is never replaced by one. */
  #findReplaceable(placed: Placed, rule: OverwriteRule): BigIntStats | undefined {
    const existing = this.#directories.inside(placed.parent, () => this.#findStats(placed.fullPath));
    if (existing?.isDirectory() === true && rule !== 'never') {
      throw new RestorePathError(
        shownPath(placed.path),
        'a directory is there; remove it, or restore elsewhere',
      );
    }
    return existing;
  }

  #findStats(fullPath: Buffer): BigIntStats | undefined {
    return lstatSync(fullPath, { bigint: true, throwIfNoEntry: false });
  }

  #fullPath(path: string): Buffer {
    return pathBytes(`${this.#root}/${path}`);
  }

  #stagingPath(parent: RawPath): Buffer {
    return this.#fullPath(`${parent === '' ? '' : `${parent}/`}${this.#staging.next()}`);
  }

  /** Counts facts that came out otherwise than the point has them, also those that files have no place for. */
  #noteUnkept(
    { path, kind, attributes, userMetadata, tags }: SourceEntry,
    facts: readonly UnkeptFact[],
  ): void {
    const all = [...facts];
    if (kind === 'object') {
      if (Object.keys(attributes).some(isHeader)) all.push('headers');
      if (Object.keys(userMetadata).length > 0) all.push('metadata');
      if (Object.keys(tags).length > 0) all.push('tags');
    }
    this.#unkept.add(path, all);
  }
}

function isHeader(name: string): boolean {
  return name !== 'storage-class' && !isFileAttribute(name);
}

async function join(content: RestoredContent): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(new Uint8Array(piece));
  return Buffer.concat(pieces);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
