import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import type { BigIntStats } from 'node:fs';

import { BackupError, equalBytes, RestorePathError, TargetUnavailableError, toHex } from '@holdfast/engine';
import type { OverwriteRule, RandomBytes, RestoreTarget, SourceEntry, WriteOutcome } from '@holdfast/engine';

import { applyFacts, applyLinkFacts, hasFacts } from './apply-facts.ts';
import type { FactRights } from './apply-facts.ts';
import { ExistingFile } from './existing-file.ts';
import { errnoOf } from './errno.ts';
import { linkTargetOf } from './file-facts.ts';
import { pathBytes, rawPathOfText, shownPath } from './raw-path.ts';
import type { RawPath } from './raw-path.ts';
import { restorePathOf } from './restore-path.ts';
import { StagedFile } from './staged-file.ts';
import { TargetDirectories } from './target-directories.ts';

/** Errors that say that a name, not the target, is the problem. */
const nameErrors: ReadonlySet<string> = new Set([
  'ENAMETOOLONG',
  'EINVAL',
  'EILSEQ',
  'EISDIR',
  'ENOTDIR',
  'ENOTEMPTY',
  'EEXIST',
  'ELOOP',
]);

/** What a {@link DirectoryTarget} needs. */
export interface DirectoryTargetOptions {
  /** Made when it is missing. A symbolic link is followed here, and nowhere below. */
  readonly root: string;
  /** For names of files that are being written. */
  readonly random: RandomBytes;
  /** Whether files get the owners they had. @default true as root, else false */
  readonly restoreOwners?: boolean;
}

/** An entry, and where it goes. */
interface Placed {
  readonly entry: SourceEntry;
  /** Below the root, without a `/` at its end. */
  readonly path: RawPath;
  readonly fullPath: Buffer;
  readonly parent: RawPath;
}

/**
 * A directory that entries are restored into.
 *
 * - **Nothing outside it is touched**: a path with an empty, `.` or `..` part is refused, and so is one that would go
 *   through a symbolic link or a file, see {@link TargetDirectories}. Restored links may point anywhere.
 * - A file is written beside its place, as `.holdfast-…`, and appears whole, with all its facts: mode, modification time
 *   and, as root, owner. Without the owner, set-user-id and set-group-id are left out. Runs of zeros become holes.
 * - `if-different` compares content (byte for byte, whatever the times say), mode, time and owner.
 * - A directory's own facts are set by `finish`, as everything that is written into it changes its time. Where several
 *   workers restore one tree, write its directories again after all of them, with the rule `always`.
 * - Objects of a bucket become files; one whose key ends in `/` and that is empty becomes a directory.
 *
 * Calls to the file system are synchronous. Nothing is flushed to the disk: that is left to the operating system.
 */
export class DirectoryTarget implements RestoreTarget {
  readonly #root: RawPath;
  readonly #rights: FactRights;
  readonly #stagingPrefix: string;
  readonly #directories: TargetDirectories;
  /** Directories whose facts wait for `finish`, by path, in the order in which they came. */
  readonly #pending = new Map<RawPath, Placed>();
  #staged = 0;

  /** @throws {@link TargetUnavailableError} the directory cannot be made or is none. */
  constructor(options: DirectoryTargetOptions) {
    try {
      mkdirSync(options.root, { recursive: true });
      this.#root = rawPathOfText(realpathSync(options.root));
    } catch (error) {
      throw new TargetUnavailableError(
        `directory ${JSON.stringify(options.root)} cannot be restored to (${errnoOf(error)}); name another`,
        {
          cause: error,
        },
      );
    }
    this.#rights = { owner: options.restoreOwners ?? process.geteuid?.() === 0 };
    this.#stagingPrefix = `.holdfast-${toHex(options.random.bytes(8))}-`;
    this.#directories = new TargetDirectories(this.#root);
  }

  async write(
    entry: SourceEntry,
    content: AsyncIterable<Uint8Array>,
    rule: OverwriteRule,
    signal?: AbortSignal,
  ): Promise<WriteOutcome> {
    signal?.throwIfAborted();
    const { parent, name, isDirectory } = restorePathOf(entry.path);
    const path = (parent === '' ? name : `${parent}/${name}`) as RawPath;
    const placed: Placed = { entry, path, parent, fullPath: this.#fullPath(path) };
    try {
      if (entry.kind === 'directory') return this.#writeDirectory(placed, rule);
      if (!isDirectory) {
        return entry.kind === 'symlink'
          ? this.#writeLink(placed, rule)
          : await this.#writeFile(placed, content, rule, signal);
      }
      // A bucket's folder marker.
      if (entry.kind === 'object' && entry.size === 0) return this.#writeDirectory(placed, rule);
      throw new RestorePathError(
        shownPath(entry.path),
        'it has a "/" at its end but is no directory; restore it to a bucket',
      );
    } catch (error) {
      throw this.#engineError(error, path);
    }
  }

  /** Whether something is in an entry's place. */
  has(entry: SourceEntry): boolean {
    const { parent, name } = restorePathOf(entry.path);
    return this.#findStats(this.#fullPath(parent === '' ? name : `${parent}/${name}`)) !== undefined;
  }

  async finish(): Promise<void> {
    // From the inside out: opening a directory below one changes nothing above it, but a mode may forbid it.
    for (const placed of [...this.#pending.values()].reverse()) {
      try {
        const fd = openSync(
          placed.fullPath,
          constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
        );
        try {
          applyFacts(fd, placed.entry, this.#rights);
        } finally {
          closeSync(fd);
        }
      } catch (error) {
        throw this.#engineError(error, placed.path);
      }
    }
    this.#pending.clear();
  }

  #writeDirectory(placed: Placed, rule: OverwriteRule): WriteOutcome {
    this.#directories.ensure(placed.parent);
    const existing = this.#findStats(placed.fullPath);
    const mine = existing === undefined || this.#directories.hasMade(placed.path);
    if (rule === 'never' && !mine) return 'kept';
    this.#directories.ensure(placed.path, true);
    this.#pending.set(placed.path, placed);
    return existing?.isDirectory() === true && hasFacts(existing, placed.entry, this.#rights)
      ? 'same'
      : 'written';
  }

  #writeLink(placed: Placed, rule: OverwriteRule): WriteOutcome {
    const { entry, fullPath } = placed;
    const target = linkTargetOf(entry);
    if (target === undefined)
      throw new RestorePathError(shownPath(entry.path), 'it is a link whose target is missing or has a NUL');
    this.#directories.ensure(placed.parent);
    const existing = this.#findReplaceable(placed, rule);
    if (existing === 'kept') return 'kept';
    if (rule === 'if-different' && existing?.isSymbolicLink() === true) {
      const same = equalBytes(readlinkSync(fullPath, { encoding: 'buffer' }), target);
      if (same && hasFacts(existing, entry, this.#rights)) return 'same';
    }
    const staged = this.#stagingPath(placed);
    symlinkSync(target, staged);
    try {
      applyLinkFacts(staged, entry, this.#rights);
      if (rule === 'never' && this.#findStats(fullPath) !== undefined) return 'kept';
      renameSync(staged, fullPath);
    } finally {
      if (this.#findStats(staged) !== undefined) unlinkSync(staged);
    }
    return 'written';
  }

  async #writeFile(
    placed: Placed,
    content: AsyncIterable<Uint8Array>,
    rule: OverwriteRule,
    signal: AbortSignal | undefined,
  ): Promise<WriteOutcome> {
    const { entry, fullPath } = placed;
    this.#directories.ensure(placed.parent);
    // In a directory that this restore has made, nearly nothing is there; what is, publishing finds.
    const fresh = rule === 'never' && this.#directories.hasMade(placed.parent);
    const existing = fresh ? undefined : this.#findReplaceable(placed, rule);
    if (existing === 'kept') return 'kept';
    const comparable =
      rule === 'if-different' && existing?.isFile() === true && Number(existing.size) === entry.size;
    const old = comparable ? new ExistingFile(fullPath) : undefined;
    let staged: StagedFile | undefined;
    const stage = (): StagedFile => {
      staged ??= new StagedFile(this.#stagingPath(placed), entry);
      return staged;
    };
    try {
      for await (const piece of content) {
        signal?.throwIfAborted();
        if (old?.startsWithNext(piece) === true) continue;
        // What was compared so far is equal, so it is taken from there.
        if (old !== undefined && staged === undefined) stage().appendFrom(old.fd, old.equalBytes);
        stage().append(piece);
      }
      if (old?.isWhollyEqual() === true) {
        if (existing !== undefined && hasFacts(existing, entry, this.#rights)) return 'same';
        // Copied, not changed in place: it may have another name outside the target.
        stage().appendFrom(old.fd, old.equalBytes);
      } else if (old !== undefined && staged === undefined) {
        stage().appendFrom(old.fd, old.equalBytes);
      }
      return stage().publish(fullPath, entry, this.#rights, rule !== 'never') === 'taken'
        ? 'kept'
        : 'written';
    } finally {
      staged?.close();
      old?.close();
    }
  }

  /** What is in the place of a file or link. A directory is never replaced by one. */
  #findReplaceable(placed: Placed, rule: OverwriteRule): BigIntStats | 'kept' | undefined {
    const existing = this.#findStats(placed.fullPath);
    if (existing !== undefined && rule === 'never') return 'kept';
    if (existing?.isDirectory() === true) {
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

  #stagingPath(placed: Placed): Buffer {
    this.#staged += 1;
    const directory = placed.parent === '' ? '' : `${placed.parent}/`;
    return this.#fullPath(`${directory}${this.#stagingPrefix}${this.#staged}`);
  }

  #engineError(error: unknown, path: RawPath): Error {
    const code = errnoOf(error);
    // Errors of the content, and the reason of an abort, are the caller's.
    if (code === undefined || error instanceof BackupError)
      return error instanceof Error ? error : new Error(String(error), { cause: error });
    if (nameErrors.has(code)) {
      return new RestorePathError(
        shownPath(path),
        `the file system refuses it (${code}); remove what is in its way, or restore elsewhere`,
      );
    }
    const what = `${JSON.stringify(shownPath(this.#fullPath(path)))} cannot be written (${code})`;
    return new TargetUnavailableError(`${what}; check the disk and the rights of this user`, {
      cause: error,
    });
  }
}
