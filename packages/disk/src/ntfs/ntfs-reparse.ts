import { DiskDamagedError } from '../errors.ts';
import { Fields } from '../source/fields.ts';
import { readValue } from './ntfs-content.ts';
import { findAttribute, type NtfsFile } from './ntfs-file.ts';
import { decodeUtf16, encodeWtf8 } from './ntfs-names.ts';
import { attributeTypes } from './ntfs-record.ts';
import type { NtfsVolume } from './ntfs-volume.ts';

/** Of Windows. */
const mostBytes = 16 * 1024;
const headerBytes = 8;

const junctionTag = 0xa0000003;
const symbolicLinkTag = 0xa000000c;
const linuxLinkTag = 0xa000001d;
const relative = 1;

/**
 * Contents that something else than the file system has, by the low half of their tags.
 * @see MS-FSCC, section 2.1.2.1
 */
const otherContents: Readonly<Record<number, string>> = {
  0x04: 'content in hierarchical storage',
  0x06: 'content in hierarchical storage',
  0x07: 'content in a single-instance store',
  0x08: 'content in a WIM file',
  0x13: 'deduplicated content',
  0x17: 'content compressed by Windows (WOF, CompactOS)',
  0x18: 'content of a Windows container',
  0x1a: 'a file kept in the cloud (OneDrive)',
  0x1b: 'an alias of an application',
  0x1c: 'a file of a projected file system',
  0x1e: 'a file kept in the cloud (Azure File Sync)',
  0x21: 'a file kept in the cloud (OneDrive)',
  0x27: 'a file kept in the cloud (Azure File Sync)',
};
const microsoft = 0x80000000;

/** The entry that stands in place of a file or directory. */
export interface ReparsePoint {
  readonly bytes: Uint8Array;
  readonly tag: number;
  /** Absent of all but links. */
  readonly target: Uint8Array | undefined;
}

export function isLinkTag(tag: number): boolean {
  return [junctionTag, symbolicLinkTag, linuxLinkTag].includes(tag);
}

/** The name of content that is not where a file's content is. */
export function otherContentOf(tag: number): string {
  const name = tag >= microsoft ? otherContents[tag & 0xfff] : undefined;
  return name ?? `content behind a reparse point of tag 0x${tag.toString(16)}`;
}

export async function readReparsePoint(
  volume: NtfsVolume,
  file: NtfsFile,
  signal?: AbortSignal,
): Promise<ReparsePoint | undefined> {
  const attribute = await findAttribute(volume, file, attributeTypes.reparsePoint, '', signal);
  if (attribute === undefined) return undefined;
  const bytes = await readValue(volume, file, attribute, mostBytes, signal);
  const fields = new Fields(bytes, `reparse point of ${file.base.what}`);
  const tag = fields.u32(0);
  const value = new Fields(fields.slice(headerBytes, fields.u16(4)), fields.what);
  return { bytes, tag, target: isLinkTag(tag) ? targetOf(tag, value) : undefined };
}

/**
 * The target of a link. One that is relative to the link, or to the root of its volume, has slashes, and can be
 * followed; one to elsewhere is as Windows has it, such as `C:\Users`.
 */
function targetOf(tag: number, value: Fields): Uint8Array {
  if (tag === linuxLinkTag) return new Uint8Array(value.bytes.subarray(4));
  const isSymbolic = tag === symbolicLinkTag;
  const names = isSymbolic ? 12 : 8;
  const target = decodeUtf16(value.slice(names + value.u16(0), value.u16(2)));
  if (target === '' || target.includes('\0')) throw new DiskDamagedError(`${value.what} has no target`);
  if (isSymbolic && (value.u32(8) & relative) !== 0) return encodeWtf8(target.replaceAll('\\', '/'));
  return encodeWtf8(target.replace(/^\\\?\?\\(UNC(?=\\))?/, (_, share) => (share === undefined ? '' : '\\')));
}
