import type { BigIntStats } from 'node:fs';

import { fileAttributes, linkAttributes, millisecondsOf, TargetEntryError } from '@holdfast/engine';
import type { LeftOutFact, SourceEntry } from '@holdfast/engine';

import { shownPath } from './source/raw-path.ts';

const none: Readonly<Record<string, string>> = Object.freeze({});

/** The attributes that were made last for each mode, as most files of a tree have the same few. */
const madeLast = new Map<bigint, Pick<BigIntStats, 'uid' | 'gid'> & { readonly attributes: Attributes }>();

type Attributes = Readonly<Record<string, string>>;

/** Mode and owner as attributes; one object serves many files that have the same. */
function attributesOf({ mode, uid, gid }: BigIntStats): Attributes {
  const last = madeLast.get(mode);
  if (last?.uid === uid && last.gid === gid) return last.attributes;
  const attributes = Object.freeze(fileAttributes({ mode: Number(mode), uid, gid }));
  madeLast.set(mode, { uid, gid, attributes });
  return attributes;
}

/** Facts that a restore sets on a file besides its content. Absent ones are left as the system makes them. */
export interface FileFacts {
  /** Permission bits, 0 to 0o7777. */
  readonly mode?: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/**
 * A token that changes whenever content, times, rights or identity of a file do: `<size>:<mtime>:<ctime>:<inode>`,
 * hexadecimal, times in nanoseconds since 1970.
 */
export function changeTokenOf(stats: BigIntStats): string {
  return `${stats.size.toString(16)}:${stats.mtimeNs.toString(16)}:${stats.ctimeNs.toString(16)}:${stats.ino.toString(16)}`;
}

/** Modification time in milliseconds since 1970, exact to the quarter of a microsecond that a float has. */
export function modifiedMsOf(stats: BigIntStats): number {
  return millisecondsOf(stats.mtimeNs);
}

/** The entry of a file, directory or symbolic link; undefined for sockets, devices and pipes. */
export function entryOf(
  path: Uint8Array,
  stats: BigIntStats,
  linkTarget?: Uint8Array,
): SourceEntry | undefined {
  const kind = stats.isFile()
    ? 'file'
    : stats.isDirectory()
      ? 'directory'
      : stats.isSymbolicLink()
        ? 'symlink'
        : undefined;
  if (kind === undefined) return undefined;
  const attributes = attributesOf(stats);
  const leftOut = leftOutOf(stats);
  return {
    path,
    kind,
    size: kind === 'file' ? Number(stats.size) : 0,
    modifiedMs: modifiedMsOf(stats),
    changeToken: changeTokenOf(stats),
    attributes: linkTarget === undefined ? attributes : { ...attributes, ...linkAttributes(linkTarget) },
    userMetadata: none,
    tags: none,
    leftOut,
  };
}

/** Facts that a manifest has no place for. */
function leftOutOf(stats: BigIntStats): readonly LeftOutFact[] | undefined {
  const linked = stats.nlink > 1n && stats.isFile();
  const ns = Number(stats.mtimeNs % 1_000_000n);
  const ms = Number(stats.mtimeMs);
  if (Math.round((ms + ns / 1e6 - ms) * 1e6) === ns) return linked ? onlyLinks : undefined;
  return linked ? linksAndTimes : onlyTimes;
}

const onlyLinks: readonly LeftOutFact[] = ['hard-links'];
const onlyTimes: readonly LeftOutFact[] = ['nanoseconds'];
const linksAndTimes: readonly LeftOutFact[] = ['hard-links', 'nanoseconds'];

function numberOf(entry: SourceEntry, name: string, pattern: RegExp, radix: number): number | undefined {
  const text = entry.attributes[name];
  if (text === undefined) return undefined;
  const value = Number.parseInt(text, radix);
  // The largest number means "leave the owner", and there are no owners above it.
  if (!pattern.test(text) || value >= 0xffffffff) {
    throw new TargetEntryError(
      'unfit',
      shownPath(entry.path),
      `has ${name} ${JSON.stringify(text)}, which is not one; verify its point`,
    );
  }
  return value;
}

/** The facts that were read last, and the attributes that they are from: one object serves many files. */
let lastRead: { readonly attributes: Attributes; readonly facts: FileFacts } | undefined;

/**
 * Mode and owner from an entry's attributes. Objects of a bucket have neither.
 * @throws {@link TargetEntryError} an attribute is not what {@link entryOf} writes.
 */
export function factsOf(entry: SourceEntry): FileFacts {
  const { attributes } = entry;
  if (lastRead?.attributes === attributes) return lastRead.facts;
  const mode = numberOf(entry, 'mode', /^[0-7]{1,4}$/, 8);
  const uid = numberOf(entry, 'uid', /^\d{1,10}$/, 10);
  const gid = numberOf(entry, 'gid', /^\d{1,10}$/, 10);
  const facts = { mode, owner: uid === undefined || gid === undefined ? undefined : { uid, gid } };
  // Others may be changed.
  if (Object.isFrozen(attributes)) lastRead = { attributes, facts };
  return facts;
}
