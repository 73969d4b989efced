import { equalBytes, fromBase64, fromHex, fromUtf8, toBase64, toHex, utf8 } from './bytes.ts';
import type { SourceEntry } from './ports/file-source.ts';

type Attributes = SourceEntry['attributes'];

/** An extended attribute as `getxattr` gives it; POSIX ACLs and capabilities are such. */
export interface ExtendedAttribute {
  /** With its namespace, such as `user.comment`. */
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** The beginning of attributes whose rest is the name of an extended one. */
export const extendedPrefix = 'xattr:';
const exactTime = 'modified-ns';

/** Permission bits and owner, as entries of files have them: `mode` is octal, such as `0644`. */
export function fileAttributes({
  mode,
  uid,
  gid,
}: {
  readonly mode: number;
  readonly uid: number | bigint;
  readonly gid: number | bigint;
}): Attributes {
  return { mode: (mode & 0o7777).toString(8).padStart(4, '0'), uid: uid.toString(), gid: gid.toString() };
}

/** The target of a symbolic link: `link-target` where it is UTF-8, `link-target-hex` (its bytes) where it is not. */
export function linkAttributes(target: Uint8Array): Attributes {
  const text = fromUtf8(target);
  return equalBytes(utf8(text), target) ? { 'link-target': text } : { 'link-target-hex': toHex(target) };
}

/** The bytes of a symbolic link's target, whichever attribute has them; undefined where neither is usable. */
export function findLinkTarget({ attributes }: SourceEntry): Uint8Array | undefined {
  const hex = attributes['link-target-hex'];
  const target = hex === undefined ? utf8(attributes['link-target'] ?? '') : fromHex(hex);
  return target.length === 0 || target.includes(0) ? undefined : target;
}

/**
 * The time of modification with all of its nanoseconds, and extended attributes: `modified-ns`, and `xattr:` with the
 * name. Manifests of files have neither; a file out of an image, or behind an object, has both.
 */
export function exactAttributes(modifiedNs: bigint, extended: readonly ExtendedAttribute[]): Attributes {
  const attributes: Record<string, string> = { [exactTime]: `${modifiedNs}` };
  for (const { name, value } of extended) attributes[extendedPrefix + percentEncoded(name)] = toBase64(value);
  return attributes;
}

/** Milliseconds since 1970 as `modifiedMs` has them, exact to the quarter of a microsecond that a float has. */
export function millisecondsOf(nanoseconds: bigint): number {
  // In two parts: nanoseconds since 1970 are more than a float holds exactly.
  return Number(nanoseconds / 1_000_000n) + Number(nanoseconds % 1_000_000n) / 1e6;
}

/** Nanoseconds since 1970, where the entry has them exactly. */
export function findModifiedNs({ attributes }: SourceEntry): bigint | undefined {
  const text = attributes[exactTime];
  return text !== undefined && /^-?\d{1,20}$/.test(text) ? BigInt(text) : undefined;
}

export function extendedAttributesOf({ attributes }: SourceEntry): readonly ExtendedAttribute[] {
  return Object.entries(attributes)
    .filter(([name]) => name.startsWith(extendedPrefix))
    .map(([name, value]) => ({
      name: percentDecoded(name.slice(extendedPrefix.length)),
      value: fromBase64(value),
    }));
}

/** True for the attributes of files that this module names; others are headers of objects. */
export function isFileAttribute(name: string): boolean {
  return (
    name.startsWith(extendedPrefix) ||
    [exactTime, 'mode', 'uid', 'gid', 'link-target', 'link-target-hex'].includes(name)
  );
}

/** Letters, digits and `.`, `_`, `-` as they are, every other byte as `%` and two digits. */
function percentEncoded(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    return /[\w.-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
  }).join('');
}

function percentDecoded(text: string): Uint8Array {
  const latin1 = text.replaceAll(/%([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(latin1, 'latin1');
}
