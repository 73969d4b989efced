import { fstatSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';

import type { SourceEntry } from '@holdfast/engine';
import type { UnkeptFact } from '@holdfast/engine/model';

import { errnoOf } from '../errno.ts';
import { factsOf, modifiedMsOf } from '../file-facts.ts';
import type { FileFacts } from '../file-facts.ts';
import { isUnsupported } from '../file-system-calls.ts';
import type { FileSystemCalls } from '../file-system-calls.ts';

/** Set-user-id and set-group-id: only right together with the owner that the file had. */
const setIdBits = 0o6000;

/** Times closer than this are the same: what is left of a time after it was a float, and was set through one. */
const timeToleranceMs = 0.001;

/** A restored file as it came out. */
export interface AppliedFacts {
  readonly stats: BigIntStats;
  /** What the file system does not hold, or this user may not set. */
  readonly unkept: readonly UnkeptFact[];
}

/**
 * Sets the facts that entries had. A file system may refuse some of them, or accept and change them: what came of it is
 * read back, and what differs is said.
 */
export class FactSetter {
  readonly #owners: boolean;
  readonly #calls: FileSystemCalls;

  /** @param owners - whether files are given to the owners they had, which only root may. */
  constructor(owners: boolean, calls: FileSystemCalls) {
    this.#owners = owners;
    this.#calls = calls;
  }

  /** Sets owner, mode and times on an open file or directory. The time of last access becomes that of modification. */
  apply(fd: number, entry: SourceEntry): AppliedFacts {
    const { mode, owner } = factsOf(entry);
    // Before the mode: a change of owner takes the set-id bits away. Asking costs a fifth of what setting does.
    if (this.#owners && owner !== undefined && !isOwnedBy(fstatSync(fd, { bigint: true }), owner))
      attempt(() => this.#calls.setOwner(fd, owner.uid, owner.gid));
    if (mode !== undefined) {
      const whole = (mode & setIdBits) === 0 || isOwnedBy(fstatSync(fd, { bigint: true }), owner);
      attempt(() => this.#calls.setMode(fd, whole ? mode : mode & ~setIdBits));
    }
    if (Number.isFinite(entry.modifiedMs)) attempt(() => this.#calls.setTime(fd, entry.modifiedMs));
    const stats = fstatSync(fd, { bigint: true });
    return { stats, unkept: differences(stats, entry) };
  }

  /** Sets owner and times on a symbolic link itself; links have no mode of their own. */
  applyToLink(link: Buffer, entry: SourceEntry): void {
    const { owner } = factsOf(entry);
    if (this.#owners && owner !== undefined)
      attempt(() => this.#calls.setOwnerOfLink(link, owner.uid, owner.gid));
    if (Number.isFinite(entry.modifiedMs)) attempt(() => this.#calls.setTimeOfLink(link, entry.modifiedMs));
  }

  /** Whether what is there has the facts that a restore would set. */
  areSetOn(stats: BigIntStats, entry: SourceEntry): boolean {
    const different = differences(stats, entry);
    // Without the right to set owners neither they nor what hangs on them are reasons to write again.
    return different.every((fact) => !this.#owners && (fact === 'owner' || fact === 'set-id'));
  }
}

/** Facts of an entry that what is there does not have. */
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

/** Whether two files have the same facts, as far as their file system holds any. */
export function haveSameFacts(a: BigIntStats, b: BigIntStats): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.mtimeNs === b.mtimeNs;
}

function isOwnedBy({ uid, gid }: BigIntStats, owner: FileFacts['owner']): boolean {
  return Number(uid) === owner?.uid && Number(gid) === owner.gid;
}

/** What a refusal leaves shows when the facts are read back. */
function attempt(call: () => void): void {
  try {
    call();
  } catch (error) {
    const code = errnoOf(error);
    if (!isUnsupported(error) && code !== 'EINVAL' && code !== 'EACCES' && code !== 'EOVERFLOW') throw error;
  }
}
