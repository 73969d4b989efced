import { fchmodSync, fchownSync, fstatSync, futimesSync, lchownSync, lutimesSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';

import type { SourceEntry } from '@holdfast/engine';

import { factsOf, modifiedMsOf } from './file-facts.ts';
import type { FileFacts } from './file-facts.ts';

/** Set-user-id and set-group-id: only right together with the owner that the file had. */
const setIdBits = 0o6000;

/** Times closer than this are the same: what is left of a time after it was a float, and was set through one. */
const timeToleranceMs = 0.001;

/** What this user may set on the files of a target. */
export interface FactRights {
  /** Whether files can be given to other owners: as root. */
  readonly owner: boolean;
}

/** The mode that a file of this entry gets; undefined where the entry has none. */
function modeOf(entry: SourceEntry, rights: FactRights): number | undefined {
  const { mode, owner } = factsOf(entry);
  if (mode === undefined) return undefined;
  return rights.owner && owner !== undefined ? mode : mode & ~setIdBits;
}

/** Sets owner, mode and times on an open file or directory. The time of last access becomes that of modification. */
export function applyFacts(fd: number, entry: SourceEntry, rights: FactRights): void {
  const { owner } = factsOf(entry);
  const mode = modeOf(entry, rights);
  // Before the mode: a change of owner takes the set-id bits away.
  if (rights.owner && owner !== undefined && !isOwnedBy(fd, owner)) fchownSync(fd, owner.uid, owner.gid);
  if (mode !== undefined) fchmodSync(fd, mode);
  if (Number.isFinite(entry.modifiedMs)) futimesSync(fd, entry.modifiedMs / 1000, entry.modifiedMs / 1000);
}

/** Asking costs a fifth of what setting does, and most files are restored by their owner. */
function isOwnedBy(fd: number, { uid, gid }: NonNullable<FileFacts['owner']>): boolean {
  const stats = fstatSync(fd);
  return stats.uid === uid && stats.gid === gid;
}

/** Sets owner and times on a symbolic link itself. */
export function applyLinkFacts(link: Buffer, entry: SourceEntry, rights: FactRights): void {
  const { owner } = factsOf(entry);
  if (rights.owner && owner !== undefined) lchownSync(link, owner.uid, owner.gid);
  if (Number.isFinite(entry.modifiedMs)) lutimesSync(link, entry.modifiedMs / 1000, entry.modifiedMs / 1000);
}

/** Whether what is there has the facts that a restore would set; links have no mode of their own. */
export function hasFacts(stats: BigIntStats, entry: SourceEntry, rights: FactRights): boolean {
  const { owner } = factsOf(entry);
  const mode = modeOf(entry, rights);
  if (mode !== undefined && !stats.isSymbolicLink() && (Number(stats.mode) & 0o7777) !== mode) return false;
  if (
    rights.owner &&
    owner !== undefined &&
    (Number(stats.uid) !== owner.uid || Number(stats.gid) !== owner.gid)
  )
    return false;
  return (
    !Number.isFinite(entry.modifiedMs) || Math.abs(modifiedMsOf(stats) - entry.modifiedMs) < timeToleranceMs
  );
}
