import { readdirSync } from 'node:fs';
import { mkdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import type { ObjectLock } from '@holdfast/engine';

import { errnoOf, isMissing } from '../errno.ts';
import { makeDirectories } from '../target/make-directories.ts';
import { besidesMarkOf, recordPathOf } from './object-layout.ts';
import { syncDirectory } from './sync-directory.ts';

export interface RecordedVersion {
  readonly versionId: string;
  readonly storedAt: Date;
  readonly storageClass?: string;
}

export interface KnownVersion extends RecordedVersion {
  readonly lock?: ObjectLock;
  readonly legalHold?: boolean;
  /** True when its bytes lie in the record, not in the file that is named like the object. */
  readonly besides: boolean;
}

const versionFile = /^version-([0-9a-z]{1,64})-(\d{1,16})(?:-([A-Z0-9_]{1,64}))?$/;
const lockFile = /^lock-([0-9a-z]{1,64})-(\d{1,13})-(governance|compliance)$/;

function versionFileName({ versionId, storedAt, storageClass }: RecordedVersion): string {
  return `version-${versionId}-${storedAt.getTime()}${storageClass === undefined ? '' : `-${storageClass}`}`;
}

function lockFileName(versionId: string, lock: ObjectLock): string {
  // Whole seconds, rounded up: the confirmed lock is never earlier than the one asked for.
  return `lock-${versionId}-${Math.ceil(lock.until.getTime() / 1000)}-${lock.mode}`;
}

function holdFileName(versionId: string): string {
  return `hold-${versionId}`;
}

function findLatestLock(files: readonly string[], versionId: string): ObjectLock | undefined {
  let latest: ObjectLock | undefined;
  for (const file of files) {
    const [, id, seconds, mode] = lockFile.exec(file) ?? [];
    if (id !== versionId) continue;
    const until = new Date(Number(seconds) * 1000);
    if (latest === undefined || until > latest.until)
      latest = { mode: mode === 'compliance' ? 'compliance' : 'governance', until };
  }
  return latest;
}

/**
 * Facts of an object besides its bytes, as a directory with these files:
 *
 * - `version-<id>-<milliseconds since 1970>[-<storage class>]`, empty, for each version;
 * - `lock-<id>-<seconds since 1970>-<mode>`, empty, for each lock that a version was ever given: the latest counts, so
 *   any number of processes can add one at once, and none of them can make it earlier;
 * - `hold-<id>`, empty, for each version whose legal hold is on;
 * - `data-<id>`, a version's bytes where they are not in the file that is named like the object. Such an object has a
 *   mark beside the records ({@link besidesMarkOf}).
 *
 * Facts are in the names, so none is ever half written.
 */
export class ObjectRecord {
  readonly #path: string;
  readonly #root: string;
  readonly #name: string;
  readonly #durable: boolean;

  constructor(root: string, name: string, durable: boolean) {
    this.#path = recordPathOf(root, name);
    this.#root = root;
    this.#name = name;
    this.#durable = durable;
  }

  /**
   * Takes a name that nobody has: of any number of callers one gets `true`.
   * Called before the bytes appear, so that an object is never there without its lock.
   */
  async claim(version: RecordedVersion, lock: ObjectLock | undefined): Promise<boolean> {
    try {
      await mkdir(this.#path);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    }
    const files = [
      versionFileName(version),
      ...(lock === undefined ? [] : [lockFileName(version.versionId, lock)]),
    ];
    await Promise.all(files.map(async (file) => writeFile(path.join(this.#path, file), '')));
    if (this.#durable) await syncDirectory(this.#path);
    return true;
  }

  /** Oldest first; none for an object that came from elsewhere. */
  async versions(): Promise<readonly KnownVersion[]> {
    const files = await this.#files();
    const versions: KnownVersion[] = [];
    for (const file of files) {
      const [, versionId, storedAt, storageClass] = versionFile.exec(file) ?? [];
      if (versionId === undefined) continue;
      const lock = findLatestLock(files, versionId);
      versions.push({
        versionId,
        storedAt: new Date(Number(storedAt)),
        besides: files.includes(`data-${versionId}`),
        storageClass,
        lock,
        ...(files.includes(holdFileName(versionId)) && { legalHold: true }),
      });
    }
    return versions.sort(
      (a, b) => a.storedAt.getTime() - b.storedAt.getTime() || Number(a.besides) - Number(b.besides),
    );
  }

  /** The latest lock and the legal hold of a version, recorded here or not: they keep it from being removed. */
  async findKeepers(versionId: string): Promise<Pick<KnownVersion, 'lock' | 'legalHold'>> {
    const files = await this.#files();
    const lock = findLatestLock(files, versionId);
    return {
      lock,
      ...(files.includes(holdFileName(versionId)) && { legalHold: true }),
    };
  }

  async addLock(versionId: string, lock: ObjectLock): Promise<void> {
    await this.#addFile(lockFileName(versionId, lock));
  }

  async setLegalHold(versionId: string, on: boolean): Promise<void> {
    if (on) {
      await this.#addFile(holdFileName(versionId));
      return;
    }
    await rm(path.join(this.#path, holdFileName(versionId)), { force: true });
  }

  /** Path of a version's bytes that cannot be in the file that is named like the object. */
  dataPath(versionId: string): string {
    return path.join(this.#path, `data-${versionId}`);
  }

  /** Moves a version's bytes into the record, where no file can be named like the object. */
  async takeBytes(written: string, versionId: string): Promise<void> {
    const mark = besidesMarkOf(this.#root, this.#name);
    makeDirectories(path.dirname(mark));
    await writeFile(mark, '');
    if (this.#durable) await syncDirectory(path.dirname(mark));
    await rename(written, this.dataPath(versionId));
    if (this.#durable) await syncDirectory(this.#path);
  }

  /** Forgets a version, and with the last one the object. */
  async forget(versionId: string): Promise<void> {
    const left: string[] = [];
    for (const file of await this.#files()) {
      if (file.split('-')[1] === versionId) await rm(path.join(this.#path, file), { force: true });
      else left.push(file);
    }
    // While the name is taken: else the mark could be the one of who takes it next.
    if (!left.some((file) => file.startsWith('data-')))
      await rm(besidesMarkOf(this.#root, this.#name), { force: true });
    try {
      await rmdir(this.#path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOTEMPTY' && !isMissing(error)) throw error;
    }
  }

  async #addFile(name: string): Promise<void> {
    makeDirectories(this.#path);
    await writeFile(path.join(this.#path, name), '');
    if (this.#durable) await syncDirectory(this.#path);
  }

  async #files(): Promise<readonly string[]> {
    try {
      return readdirSync(this.#path);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }
}
