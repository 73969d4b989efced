import { DiskDamagedError } from '../errors.ts';
import { type AclEntry, givenAcl } from '../file-system/access-list.ts';
import { AttributeBudget, prefixedName } from '../file-system/attributes.ts';
import type { NodeAttribute } from '../file-system/file-system.ts';
import { Fields } from '../source/fields.ts';
import { readForkBlocks } from './xfs-fork-blocks.ts';
import { type HashLeaf, leavesFrom } from './xfs-hash-tree.ts';
import type { XfsFork, XfsInode } from './xfs-inode.ts';
import { type RemoteBlock, readRemoteBlock } from './xfs-remote.ts';
import type { XfsVolume } from './xfs-volume.ts';

const leafMagics = { old: [0xfbee], named: [0x3bee] } as const;
/** After the count of entries come how many bytes are used and where, and where there is room. */
const entriesAfterCount = { old: 20, named: 24 } as const;
const entryBytes = 8;
const flags = { local: 0x1, root: 0x2, secure: 0x4, parent: 0x8, incomplete: 0x80 } as const;

/** An attribute as it is stored, but for its value, which may be elsewhere. */
interface StoredAttribute {
  readonly flags: number;
  readonly name: Uint8Array;
  readonly valueBytes: number;
  readonly value: (signal?: AbortSignal) => Promise<Uint8Array>;
}

/** Attributes of an inode, as `getxattr` gives them. Links to its directories are not among them. */
export async function readXfsAttributes(
  volume: XfsVolume,
  inode: XfsInode,
  signal?: AbortSignal,
): Promise<readonly NodeAttribute[]> {
  const fork = inode.attributes;
  if (fork === undefined) return [];
  const budget = new AttributeBudget();
  const attributes: NodeAttribute[] = [];
  for await (const stored of storedAttributes(volume, fork, signal)) {
    budget.take(stored.name.length, stored.valueBytes, fork.what);
    const isSeen = (stored.flags & (flags.parent | flags.incomplete)) === 0;
    if (isSeen) attributes.push(givenAttribute(fork, stored, await stored.value(signal)));
  }
  return attributes;
}

async function* storedAttributes(
  volume: XfsVolume,
  fork: XfsFork,
  signal: AbortSignal | undefined,
): AsyncGenerator<StoredAttribute> {
  if (fork.format === 'local') {
    yield* shortAttributes(fork);
    return;
  }
  // A fork of which all attributes were removed.
  if (fork.format === 'extents' && fork.extents === 0) return;
  const version = volume.isNamed ? 'named' : 'old';
  const tree = { fork, root: 0, blocks: 1, leafMagics: leafMagics[version] };
  for await (const leaf of leavesFrom(volume, tree, 0, signal)) {
    const at = leaf.infoBytes + entriesAfterCount[version];
    for (let index = 0; index < leaf.count; index += 1)
      yield leafAttribute(volume, fork, leaf, at + index * entryBytes);
  }
}

function* shortAttributes({ fields }: XfsFork): Generator<StoredAttribute> {
  const count = fields.u8(2);
  let at = 4;
  for (let index = 0; index < count; index += 1) {
    const nameBytes = fields.u8(at);
    const valueBytes = fields.u8(at + 1);
    const value = fields.slice(at + 3 + nameBytes, valueBytes);
    yield {
      flags: fields.u8(at + 2),
      name: fields.slice(at + 3, nameBytes),
      valueBytes,
      value: async () => value,
    };
    at += 3 + nameBytes + valueBytes;
  }
}

/** An entry has the hash, the place of the name in the block, and flags. */
function leafAttribute(
  volume: XfsVolume,
  fork: XfsFork,
  { fields }: HashLeaf,
  entry: number,
): StoredAttribute {
  const at = fields.u16(entry + 4);
  const found = fields.u8(entry + 6);
  if ((found & flags.local) !== 0) {
    const valueBytes = fields.u16(at);
    const nameBytes = fields.u8(at + 2);
    const value = fields.slice(at + 3 + nameBytes, valueBytes);
    return { flags: found, name: fields.slice(at + 3, nameBytes), valueBytes, value: async () => value };
  }
  const first = fields.u32(at);
  const valueBytes = fields.u32(at + 4);
  return {
    flags: found,
    name: fields.slice(at + 9, fields.u8(at + 8)),
    valueBytes,
    value: async (signal) => readRemoteValue(volume, fork, first, valueBytes, signal),
  };
}

/** A value in blocks of its own; each has a header of its own in version 5. */
async function readRemoteValue(
  volume: XfsVolume,
  fork: XfsFork,
  first: number,
  bytes: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const value = new Uint8Array(bytes);
  let done = 0;
  for (let block = first; done < bytes; block += 1) {
    const read = await readForkBlocks(volume, fork, { from: block, to: block + 1 }, signal);
    const remote: RemoteBlock = {
      ...read,
      magic: 'XARM',
      what: `value of the ${fork.what}`,
      owner: fork.owner,
    };
    const piece = readRemoteBlock(volume, remote, done, bytes - done);
    value.set(piece, done);
    done += piece.length;
  }
  return value;
}

const accessLists: Readonly<Record<string, string>> = {
  SGI_ACL_FILE: 'system.posix_acl_access',
  SGI_ACL_DEFAULT: 'system.posix_acl_default',
};

function givenAttribute(
  fork: XfsFork,
  { flags: found, name }: StoredAttribute,
  value: Uint8Array,
): NodeAttribute {
  const isRoot = (found & flags.root) !== 0;
  const isSecure = (found & flags.secure) !== 0;
  if ((isRoot && isSecure) || name.length === 0)
    throw new DiskDamagedError(`${fork.what} have one without a name, or of two namespaces`);
  const acl = isRoot ? accessLists[new TextDecoder('latin1').decode(name)] : undefined;
  if (acl !== undefined) return { name: prefixedName(acl, new Uint8Array(0)), value: readAcl(value, fork) };
  const prefix = isRoot ? 'trusted.' : isSecure ? 'security.' : 'user.';
  return { name: prefixedName(prefix, name), value: new Uint8Array(value) };
}

const aclEntryBytes = 12;

/** Access control lists are stored in an order of bytes of their own. */
function readAcl(stored: Uint8Array, fork: XfsFork): Uint8Array {
  const fields = new Fields(stored, `access control list in the ${fork.what}`, 'big');
  const count = fields.u32(0);
  fields.slice(4, count * aclEntryBytes);
  const entries: AclEntry[] = [];
  for (let at = 4; at < 4 + count * aclEntryBytes; at += aclEntryBytes)
    entries.push({ tag: fields.u32(at), id: fields.u32(at + 4), rights: fields.u16(at + 8) });
  return givenAcl(entries);
}
