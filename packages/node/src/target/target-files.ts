import { renameSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';

import type { RestoredContent, SourceEntry, UnkeptFacts, WriteOptions, WriteOutcome } from '@holdfast/engine';
import type { OverwriteRule } from '@holdfast/engine/model';

import { haveSameFacts, noteUnkept } from './apply-facts.ts';
import type { FactSetter } from './apply-facts.ts';
import { errnoOf } from '../errno.ts';
import type { ExactFacts } from './exact-facts.ts';
import { ExistingFile } from './existing-file.ts';
import type { FileSystemCalls } from '../file-system-calls.ts';
import type { RawPath } from '../source/raw-path.ts';
import { restorePathOf } from './restore-path.ts';
import { isUnfinishedFile, StagedFile } from './staged-file.ts';
import type { TargetDirectories } from './target-directories.ts';
import type { TargetPlace, TargetPlaces } from './target-places.ts';

/** @returns false when the file has to be written by its target, over what may be there of it already. */
export type FillFile = (entry: SourceEntry, fd: number) => Promise<boolean>;

export interface TargetFilesOptions {
  readonly calls: FileSystemCalls;
  readonly places: TargetPlaces;
  readonly directories: TargetDirectories;
  readonly facts: FactSetter;
  readonly exact: ExactFacts;
  /** What cannot be kept is counted here. */
  readonly unkept: UnkeptFacts;
  readonly fill: FillFile | undefined;
}

/**
 * The files below a target's root, as they are written.
 *
 * - A file is written beside its place, as `.holdfast-…`, and put there whole. Runs of zeros become holes. What a restore
 *   that was killed left beside is removed by the next one.
 * - A small file in a directory that this restore has made is written in its place, in one go; its mode says so until it
 *   is whole, and the next restore replaces it.
 * - Names of one file are one file again (`sameAs`), where the file system can and nothing else is in their place.
 * - A file that has the facts of its entry, and of its bytes nothing but some, is what a power cut left of one: it is
 *   replaced under every rule.
 *
 * A file is written in one call: nobody takes the time of a process that writes to a disk.
 */
export class TargetFiles {
  readonly #calls: FileSystemCalls;
  readonly #places: TargetPlaces;
  readonly #directories: TargetDirectories;
  readonly #facts: FactSetter;
  readonly #exact: ExactFacts;
  readonly #unkept: UnkeptFacts;
  readonly #fill: FillFile | undefined;
  /** Facts of the marked file that was made last, and its directory. */
  #marked: { readonly parent: RawPath; readonly stats: BigIntStats } | undefined;

  constructor({ calls, places, directories, facts, exact, unkept, fill }: TargetFilesOptions) {
    this.#calls = calls;
    this.#places = places;
    this.#directories = directories;
    this.#facts = facts;
    this.#exact = exact;
    this.#unkept = unkept;
    this.#fill = fill;
  }

  /** @returns what became of it, at once where nothing has to be waited for. */
  write(
    place: TargetPlace,
    content: RestoredContent,
    rule: OverwriteRule,
    { signal, sameAs }: WriteOptions,
  ): WriteOutcome | Promise<WriteOutcome> {
    this.#directories.ensure(place.parent);
    if (sameAs !== undefined) {
      const outcome = this.#linkName(place, sameAs, rule);
      if (outcome !== undefined) return outcome;
      this.#unkept.add(place.entry.path, ['hard-links']);
    }
    const outcome = Symbol.asyncIterator in content ? undefined : this.writeNew(place, content, rule);
    return outcome ?? this.#writeBeside(place, content, rule, signal);
  }

  /** Writes a file into a directory that this restore has made. @returns `undefined` if nothing was done. */
  writeNew(
    place: TargetPlace,
    content: readonly Uint8Array[],
    rule: OverwriteRule,
  ): 'written' | 'kept' | undefined {
    const { entry, parent } = place;
    this.#directories.ensure(parent);
    // All of its facts have to be there without a pause.
    if (!this.#directories.isNew(parent) || this.#exact.areWanted(entry)) return undefined;
    const outcome = this.#writeInPlace(place, content);
    if (outcome === 'written') return outcome;
    const isForeign = outcome === 'taken' && this.#directories.hasMade(parent);
    return isForeign && rule === 'never' ? 'kept' : undefined;
  }

  /** Asks again what a new file's facts are: its directory may have got a group that its files take. */
  forgetMarked(): void {
    this.#marked = undefined;
  }

  /** Writes a file in its place; `unmarked` where the file system cannot tell an unfinished one from others. */
  #writeInPlace(
    { entry, fullPath, parent }: TargetPlace,
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
      noteUnkept(this.#unkept, entry, unkept);
      return 'written';
    } finally {
      file.close();
    }
  }

  /**
   * Makes an entry another name of one that was written.
   * @returns `undefined` if it has to be a file of its own: something else is there, or the file system has no such names.
   */
  #linkName(place: TargetPlace, sameAs: Uint8Array, rule: OverwriteRule): 'written' | 'same' | undefined {
    const { parent, name } = restorePathOf(sameAs);
    const first = this.#places.fullPath(parent === '' ? name : `${parent}/${name}`);
    const existing = this.#places.findReplaceable(place, rule);
    const link = (path: Buffer): void =>
      this.#directories.inside(place.parent, () => this.#calls.link(first, path));
    try {
      const original = this.#places.findStats(first);
      if (original?.isFile() !== true) return undefined;
      if (existing?.ino === original.ino && existing.dev === original.dev) return 'same';
      if (existing === undefined) {
        link(place.fullPath);
        return 'written';
      }
      if (rule === 'never' && !isUnfinishedFile(existing, place.entry)) return undefined;
      const staged = this.#places.stagingPath(place.parent);
      link(staged);
      renameSync(staged, place.fullPath);
      return 'written';
    } catch (error) {
      // A file of its own can still be made, or says what is wrong.
      if (errnoOf(error) === undefined) throw error;
      return undefined;
    }
  }

  /** Writes a file beside its place, unless what is in it already stays there. */
  async #writeBeside(
    place: TargetPlace,
    content: RestoredContent,
    rule: OverwriteRule,
    signal: AbortSignal | undefined,
  ): Promise<WriteOutcome> {
    const { entry, fullPath } = place;
    // A directory that this restore has made is nearly empty; publishing finds what is there.
    const fresh = rule === 'never' && this.#directories.hasMade(place.parent);
    const found = fresh ? undefined : this.#places.findReplaceable(place, rule);
    const isUnfinished = found !== undefined && isUnfinishedFile(found, entry);
    const existing = isUnfinished ? undefined : found;
    const mayLack = rule === 'never' && existing !== undefined && this.#mayLackBytes(existing, entry);
    const isAsLong = existing?.isFile() === true && Number(existing.size) === entry.size;
    const comparable = rule !== 'always' && (isAsLong || mayLack);
    if (rule === 'never' && existing !== undefined && !comparable) return 'kept';
    const old = comparable ? ExistingFile.find(fullPath, mayLack) : undefined;
    let staged: StagedFile | undefined;
    const stage = (): StagedFile => {
      staged ??= this.#directories.inside(place.parent, () =>
        StagedFile.beside(this.#places.stagingPath(place.parent), entry),
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
      const hasFacts = equal && existing !== undefined && this.#facts.areSetOn(existing, entry);
      if (hasFacts && (await this.#exact.areSetOn(fullPath, entry))) return 'same';
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
      noteUnkept(this.#unkept, entry, [...new Set([...unkept, ...inexact])]);
      return same ? 'same' : 'written';
    } finally {
      staged?.close();
      old?.close();
    }
  }

  /**
   * Tells a file that an earlier restore may have finished before a power cut took its bytes: it has all facts of the
   * entry, the time too, which somebody's own file has not.
   */
  #mayLackBytes(existing: BigIntStats, entry: SourceEntry): boolean {
    const isShort = existing.isFile() && Number(existing.size) <= entry.size;
    return isShort && Number.isFinite(entry.modifiedMs) && this.#facts.areSetOn(existing, entry);
  }
}
