import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import type { BigIntStats } from 'node:fs';

import type { SourceEntry } from '@holdfast/engine';

import type { AppliedFacts, FactSetter } from './apply-facts.ts';
import { errnoOf } from '../errno.ts';
import { factsOf } from '../file-facts.ts';
import { isUnsupported } from '../file-system-calls.ts';
import type { FileSystemCalls } from '../file-system-calls.ts';
import { claimPathOf } from './staging-names.ts';
import { writeUnlessZero } from './write-unless-zero.ts';

const copyBytes = 256 * 1024;

/**
 * Mode of a file that is filled under its own name: for its owner alone, with the sticky bit, which means nothing there
 * and which hardly any file has. It goes when all else is done, so a repetition knows by it what a killed restore left.
 */
const unfinishedMode = 0o1600;

/** Tells a file that a killed restore did not finish, where an entry belongs. */
export function isUnfinishedFile(stats: BigIntStats, entry: SourceEntry): boolean {
  const { owner } = factsOf(entry);
  const uid = Number(stats.uid);
  // Its owner may have been set already.
  const isOurs = uid === process.geteuid?.() || uid === owner?.uid;
  return stats.isFile() && modeOf(stats) === unfinishedMode && isOurs && isMarkable(entry);
}

/** An entry of no mode gets what the umask of this process leaves; one of that very mode would look unfinished. */
function isMarkable(entry: SourceEntry): boolean {
  const { mode } = factsOf(entry);
  return mode !== undefined && mode !== unfinishedMode;
}

function modeOf({ mode }: BigIntStats): number {
  return Number(mode) & 0o7777;
}

/**
 * A file that is written beside its place and put there whole, or in its place and marked until it is whole. Pieces of
 * zeros become holes. Call {@link close} at the end, whatever happens: it removes what was not published.
 */
export class StagedFile {
  #path: Buffer;
  readonly #fd: number;
  #position = 0;
  #hole = false;
  #staged = true;
  #marked: BigIntStats | undefined;

  private constructor(path: Buffer, mode: number) {
    this.#path = path;
    this.#fd = openSync(
      path,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      mode,
    );
  }

  /** Refuses to open anything that exists. */
  static beside(path: Buffer, entry: SourceEntry): StagedFile {
    // Without a mode of its own the file gets what the umask of this process leaves of the usual one.
    return new StagedFile(path, factsOf(entry).mode === undefined ? 0o666 : 0o600);
  }

  /**
   * Takes the place itself, which spares two names for each file. The caller must go on until {@link keep} without a
   * pause, so that a killed restore leaves one such file at most.
   * @param alike - the facts of a new file that was made so in the same directory: this one has the same. @default asked for
   * @returns `taken` when something is there; `unmarked` when nothing would tell that it is unfinished.
   */
  static inPlace(path: Buffer, entry: SourceEntry, alike?: BigIntStats): StagedFile | 'taken' | 'unmarked' {
    if (!isMarkable(entry)) return 'unmarked';
    let file: StagedFile;
    try {
      file = new StagedFile(path, unfinishedMode);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return 'taken';
      throw error;
    }
    const stats = alike ?? fstatSync(file.#fd, { bigint: true });
    if (modeOf(stats) !== unfinishedMode) {
      file.close();
      return 'unmarked';
    }
    file.#marked = stats;
    return file;
  }

  /** The facts that a marked file was made with. */
  get marked(): BigIntStats | undefined {
    return this.#marked;
  }

  get path(): Buffer {
    return this.#path;
  }

  /** Appends bytes, which the caller may reuse when this returns. */
  append(bytes: Uint8Array): void {
    this.#hole = !writeUnlessZero(this.#fd, bytes, this.#position);
    this.#position += bytes.length;
  }

  /** Has all of it written by others. @returns false if they failed: it is to be appended from the beginning. */
  async fill(bytes: number, write: (fd: number) => Promise<boolean>): Promise<boolean> {
    if (!(await write(this.#fd))) return false;
    this.#position = bytes;
    this.#hole = true;
    return true;
  }

  appendFrom(fd: number, length: number): void {
    const buffer = Buffer.allocUnsafe(Math.min(copyBytes, length));
    for (let at = 0; at < length;) {
      const count = readSync(fd, buffer, 0, Math.min(buffer.length, length - at), at);
      if (count === 0)
        throw new Error(
          `${this.#path.toString('utf8')}: the file it replaces became shorter while it was compared`,
        );
      this.append(buffer.subarray(0, count));
      at += count;
    }
  }

  /** Sets the file's facts, which makes it complete. */
  setFacts(facts: FactSetter, entry: SourceEntry): AppliedFacts {
    if (this.#hole) ftruncateSync(this.#fd, this.#position);
    return facts.apply(this.#fd, entry, this.#marked);
  }

  /** Leaves a file that was written in its place there. */
  keep(): void {
    this.#staged = false;
  }

  /** @returns `taken` when `replace` is false and something is there. */
  publish(target: Buffer, replace: boolean, { link }: FileSystemCalls): 'published' | 'taken' {
    if (replace) {
      this.#moveTo(target);
      return 'published';
    }
    try {
      link(this.#path, target);
      return 'published';
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return 'taken';
      if (!isUnsupported(error)) throw error;
    }
    return this.#publishByClaim(target);
  }

  /**
   * Publishes without hard links: takes the place with an empty file, which is refused if something is there, and puts
   * this one over it. This file's name tells what a crash leaves in between, and the next restore removes both. Not
   * covered: somebody who opens the empty file in that moment and writes into it.
   */
  #publishByClaim(target: Buffer): 'published' | 'taken' {
    const claiming = claimPathOf(this.#path, target);
    renameSync(this.#path, claiming);
    this.#path = claiming;
    try {
      closeSync(openSync(target, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600));
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return 'taken';
      throw error;
    }
    try {
      this.#moveTo(target);
    } catch (error) {
      unlinkSync(target);
      throw error;
    }
    return 'published';
  }

  #moveTo(target: Buffer): void {
    renameSync(this.#path, target);
    this.#staged = false;
  }

  close(): void {
    closeSync(this.#fd);
    if (this.#staged) unlinkSync(this.#path);
    this.#staged = false;
  }
}
