import { extendedPrefix, findModifiedNs, linkAttributes, millisecondsOf } from './file-attributes.ts';
import type { SourceEntry } from './ports/file-source.ts';

/**
 * Facts of a file that an object stands for, as its user metadata: the names and forms are those of FSx for Lustre,
 * but for the one that it has no place for. Directories are objects whose keys end in `/`; the content of the object of
 * a symbolic link is the link's target.
 * @see https://docs.aws.amazon.com/fsx/latest/LustreGuide/posix-metadata-support.html
 */
const names = {
  /** Type and mode as `st_mode`, octal: `0100644`. */
  permissions: 'file-permissions',
  uid: 'file-owner',
  gid: 'file-group',
  /** Nanoseconds since 1970, with `ns` behind them. */
  modified: 'file-mtime',
  /** `<name>=<base64>`, parted by commas; the names are percent-encoded. */
  extended: 'file-xattrs',
} as const;

const typeBits = { file: 0o100000, directory: 0o040000, symlink: 0o120000 } as const;
const typeMask = 0o170000;

/** S3 takes no more user metadata: bytes of all names and values. */
const mostMetadataBytes = 2_048;

/** Metadata that brings a file back, and whether its extended attributes had no room in it. */
export interface FileMetadata {
  readonly metadata: Readonly<Record<string, string>>;
  readonly hasAllExtended: boolean;
}

/** The metadata for the object of a file; none for the entry of an object. */
export function metadataOfFile(entry: SourceEntry): FileMetadata {
  const { kind, attributes } = entry;
  if (kind === 'object') return { metadata: {}, hasAllExtended: true };
  const { uid, gid } = attributes;
  // The type alone tells a link from a file with such a content.
  const mode = kind === 'symlink' ? '0777' : attributes['mode'];
  const ns = findModifiedNs(entry) ?? nanosecondsOf(entry.modifiedMs);
  const metadata: Record<string, string> = {};
  if (mode !== undefined) metadata[names.permissions] = permissionsText(kind, Number.parseInt(mode, 8));
  if (uid !== undefined && gid !== undefined) Object.assign(metadata, { [names.uid]: uid, [names.gid]: gid });
  if (ns !== undefined) metadata[names.modified] = `${ns}ns`;
  const extended = Object.entries(attributes)
    .filter(([name]) => name.startsWith(extendedPrefix))
    .map(([name, value]) => `${name.slice(extendedPrefix.length)}=${value}`)
    .join(',');
  if (extended === '') return { metadata, hasAllExtended: true };
  const all = { ...metadata, [names.extended]: extended };
  const bytes = Object.entries(all).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  return bytes <= mostMetadataBytes
    ? { metadata: all, hasAllExtended: true }
    : { metadata, hasAllExtended: false };
}

/** Longest target of a link that Linux takes. Bytes. */
const longestLinkBytes = 4_096;

/** True for an object that stands for a symbolic link: its content is the target, and belongs into {@link fileOfObject}. */
export function isLinkObject({ kind, size, userMetadata }: SourceEntry): boolean {
  const permissions = permissionsIn(userMetadata);
  return kind === 'object' && permissions?.type === typeBits.symlink && size > 0 && size <= longestLinkBytes;
}

/**
 * The file that an object stands for: its attributes are what the metadata says of mode, owner, time and extended
 * attributes, beside the object's own. An object without such metadata is as it was; a part that makes no sense is left.
 * @param linkTarget - the content of one that {@link isLinkObject}.
 */
export function fileOfObject(entry: SourceEntry, linkTarget?: Uint8Array): SourceEntry {
  const { kind, userMetadata } = entry;
  if (kind !== 'object') return entry;
  const permissions = permissionsIn(userMetadata);
  const attributes: Record<string, string> = {};
  const taken = new Set<string>();
  const take = (name: string, found: Readonly<Record<string, string>>): void => {
    taken.add(name);
    Object.assign(attributes, found);
  };
  if (permissions !== undefined)
    take(names.permissions, { mode: (permissions.mode & 0o7777).toString(8).padStart(4, '0') });
  const uid = userMetadata[names.uid] ?? '';
  const gid = userMetadata[names.gid] ?? '';
  if (/^\d{1,9}$/.test(uid) && /^\d{1,9}$/.test(gid)) {
    take(names.uid, { uid });
    take(names.gid, { gid });
  }
  const ns = /^(-?\d{1,19})ns$/.exec(userMetadata[names.modified] ?? '')?.[1];
  if (ns !== undefined) take(names.modified, { 'modified-ns': ns });
  const extended = userMetadata[names.extended];
  if (extended !== undefined && /^(?:[\w.%-]+=[\w+/=]*(?:,|$))+$/.test(extended))
    take(names.extended, Object.fromEntries(extended.split(',').map(toXattr)));
  if (taken.size === 0) return entry;
  const rest = Object.fromEntries(Object.entries(userMetadata).filter(([name]) => !taken.has(name)));
  const file = {
    ...entry,
    attributes: { ...entry.attributes, ...attributes },
    userMetadata: rest,
    modifiedMs: ns === undefined ? entry.modifiedMs : millisecondsOf(BigInt(ns)),
  };
  if (linkTarget === undefined) return file;
  return { ...file, kind: 'symlink', size: 0, attributes: { ...attributes, ...linkAttributes(linkTarget) } };
}

function toXattr(pair: string): readonly [string, string] {
  const at = pair.indexOf('=');
  return [`${extendedPrefix}${pair.slice(0, at)}`, pair.slice(at + 1)];
}

function permissionsText(kind: keyof typeof typeBits, mode: number): string {
  return `0${(typeBits[kind] + (mode & 0o7777)).toString(8).padStart(6, '0')}`;
}

function permissionsIn(userMetadata: SourceEntry['userMetadata']) {
  const text = userMetadata[names.permissions];
  if (text === undefined || !/^0?[0-7]{5,6}$/.test(text)) return undefined;
  const bits = Number.parseInt(text, 8);
  return { type: bits & typeMask, mode: bits & ~typeMask };
}

function nanosecondsOf(ms: number): bigint | undefined {
  if (!Number.isFinite(ms)) return undefined;
  const whole = Math.floor(ms);
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6));
}
