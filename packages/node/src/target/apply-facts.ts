import { fstatSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';

import { isFileAttribute } from '@holdfast/engine';
import type { SourceEntry, UnkeptFacts } from '@holdfast/engine';
import type { UnkeptFact } from '@holdfast/engine/model';

import { errnoOf } from '../errno.ts';
import { factsOf, modifiedMsOf } from '../file-facts.ts';
import type { FileFacts } from '../file-facts.ts';
import { isUnsupported } from '../file-system-calls.ts';
import type { FileSystemCalls } from '../file-system-calls.ts';

/** Set-user-id and set-group-id, which are only right together with the owner that the file had. */
const setIdBits = 0o6000;

/** Times closer than this are the same, as a time that went through a float is not exact. */
const timeToleranceMs = 0.001;

export interface AppliedFacts {
  readonly stats: BigIntStats;
  /** Facts that the file system does not hold, or this user may not set. */
  readonly unkept: readonly UnkeptFact[];
}

/**
 * Sets the facts that entries had. A file system may refuse some of them, or accept and change them, so the result is
 * read back, and differences are reported.
 */
export class FactSetter {
  readonly #owners: boolean;
  readonly #calls: FileSystemCalls;

  /** @param owners - gives files to the owners they had, which only root may. */
  constructor(owners: boolean, calls: FileSystemCalls) {
    this.#owners = owners;
    this.#calls = calls;
  }

  /**
   * Sets owner, times and at last mode on an open file or directory. The time of last access becomes that of modification.
   * @param before - its facts so far, where they are known.
   */
  apply(fd: number, entry: SourceEntry, before?: BigIntStats): AppliedFacts {
    const { mode, owner } = factsOf(entry);
    // Owner before mode: a change of owner takes the set-id bits away. Asking costs a fifth of what setting does.
    if (this.#owners && owner !== undefined && !isOwnedBy(before ?? fstatSync(fd, { bigint: true }), owner))
      attempt(() => this.#calls.setOwner(fd, owner.uid, owner.gid));
    if (Number.isFinite(entry.modifiedMs)) attempt(() => this.#calls.setTime(fd, entry.modifiedMs));
    if (mode !== undefined) {
      const whole = (mode & setIdBits) === 0 || this.#mayHaveSetId(fd, entry);
      attempt(() => this.#calls.setMode(fd, whole ? mode : mode & ~setIdBits));
    }
    const stats = fstatSync(fd, { bigint: true });
    return { stats, unkept: differences(stats, entry) };
  }

  /** Whoever may write to a bucket must not decide what runs with another's rights. */
  #mayHaveSetId(fd: number, entry: SourceEntry): boolean {
    return entry.kind !== 'object' && isOwnedBy(fstatSync(fd, { bigint: true }), factsOf(entry).owner);
  }

  /** Sets owner and times on a symbolic link itself; links have no mode of their own. */
  applyToLink(link: Buffer, entry: SourceEntry): void {
    const { owner } = factsOf(entry);
    if (this.#owners && owner !== undefined)
      attempt(() => this.#calls.setOwnerOfLink(link, owner.uid, owner.gid));
    if (Number.isFinite(entry.modifiedMs)) attempt(() => this.#calls.setTimeOfLink(link, entry.modifiedMs));
  }

  areSetOn(stats: BigIntStats, entry: SourceEntry): boolean {
    const different = differences(stats, entry);
    // Without the right to set owners, neither they nor what depends on them are reasons to write again.
    return different.every((fact) => !this.#owners && (fact === 'owner' || fact === 'set-id'));
  }
}

export function differences(stats: BigIntStats, entry: SourceEntry): readonly UnkeptFact[] {
  const { mode, owner } = factsOf(entry);
  const found: UnkeptFact[] = [];
  const different = mode === undefined || stats.isSymbolicLink() ? 0 : (Number(stats.mode) & 0o7777) ^ mode;
  if ((different & ~setIdBits) !== 0) found.push('mode');
  if ((different & setIdBits) !== 0) found.push('set-id');
  if (owner !== undefined && !isOwnedBy(stats, owner)) found.push('owner');
  const distant = Math.abs(modifiedMsOf(stats) - entry.modifiedMs) >= timeToleranceMs;
  if (Number.isFinite(entry.modifiedMs) && distant) found.push('time');
  return found;
}

/** Compares the facts of two files, as far as their file system holds any. */
export function haveSameFacts(a: BigIntStats, b: BigIntStats): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.mtimeNs === b.mtimeNs;
}

/** Counts facts that came out otherwise than the point has them, also those that files have no place for. */
export function noteUnkept(
  unkept: UnkeptFacts,
  { path, kind, attributes, userMetadata, tags }: SourceEntry,
  facts: readonly UnkeptFact[],
): void {
  unkept.add(path, facts);
  if (kind !== 'object') return;
  if (Object.keys(attributes).some(isHeader)) unkept.add(path, ['headers']);
  if (Object.keys(userMetadata).length > 0) unkept.add(path, ['metadata']);
  if (Object.keys(tags).length > 0) unkept.add(path, ['tags']);
}

function isHeader(name: string): boolean {
  return name !== 'storage-class' && !isFileAttribute(name);
}

function isOwnedBy({ uid, gid }: BigIntStats, owner: FileFacts['owner']): boolean {
  return Number(uid) === owner?.uid && Number(gid) === owner.gid;
}

/** Makes a call whose refusal shows when the facts are read back. */
function attempt(call: () => void): void {
  try {
    call();
  } catch (error) {
    const code = errnoOf(error);
    if (!isUnsupported(error) && code !== 'EINVAL' && code !== 'EACCES' && code !== 'EOVERFLOW') throw error;
  }
}
