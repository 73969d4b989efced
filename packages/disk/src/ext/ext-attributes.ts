import { addCrc32c } from '../checksums/crc32.ts';
import { DiskDamagedError } from '../errors.ts';
import { type AclEntry, givenAcl, hasAclId } from '../file-system/access-list.ts';
import { AttributeBudget, prefixedName } from '../file-system/attributes.ts';
import type { NodeAttribute } from '../file-system/file-system.ts';
import { Fields } from '../source/fields.ts';
import { readContentRuns } from './ext-blocks.ts';
import { type ExtInode, hasFlag, readInode } from './ext-inode.ts';
import { littleEndian32, type ExtVolume } from './ext-volume.ts';

const magic = 0xea020000;
const blockHeaderBytes = 32;
const entryHeaderBytes = 16;

const namespaces: Readonly<Record<number, string>> = {
  0: '',
  1: 'user.',
  2: 'system.posix_acl_access',
  3: 'system.posix_acl_default',
  4: 'trusted.',
  6: 'security.',
  7: 'system.',
  8: 'system.richacl',
};
const aclNamespaces = [2, 3];
const systemNamespace = 7;
const inlineName = 'data';

/** An attribute as it is stored. */
interface StoredAttribute {
  readonly namespace: number;
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** Attributes of an inode, as `getxattr` gives them. Content that is kept as an attribute is not among them. */
export async function readAttributes(
  volume: ExtVolume,
  inode: ExtInode,
  signal?: AbortSignal,
): Promise<readonly NodeAttribute[]> {
  const attributes: NodeAttribute[] = [];
  for await (const stored of storedAttributes(volume, inode, signal))
    if (!isInlineContent(stored)) attributes.push(namedAttribute(stored, inode));
  return attributes;
}

/** The content of an inode that has it within itself: 60 bytes in place of the map, and the rest as an attribute. */
export async function readInlineContent(
  volume: ExtVolume,
  inode: ExtInode,
  signal?: AbortSignal,
): Promise<{ readonly start: Uint8Array; readonly rest: Uint8Array }> {
  const start = inode.map.bytes.subarray(0, Math.min(inode.bytes, inode.map.bytes.length));
  let rest: Uint8Array = new Uint8Array(0);
  if (inode.bytes > start.length)
    for await (const stored of storedAttributes(volume, { ...inode, attributeBlock: 0 }, signal))
      if (isInlineContent(stored)) rest = stored.value;
  if (start.length + rest.length < inode.bytes)
    throw new DiskDamagedError(
      `inode ${inode.number} has less content within itself than its ${inode.bytes} bytes`,
    );
  return { start, rest: rest.subarray(0, inode.bytes - start.length) };
}

function isInlineContent({ namespace, name }: StoredAttribute): boolean {
  return namespace === systemNamespace && new TextDecoder('latin1').decode(name) === inlineName;
}

async function* storedAttributes(
  volume: ExtVolume,
  inode: ExtInode,
  signal: AbortSignal | undefined,
): AsyncGenerator<StoredAttribute> {
  const budget = new AttributeBudget();
  const { tail, attributeBlock } = inode;
  if (tail.bytes.length >= 8 && tail.u32(0) === magic) {
    const within = new Fields(tail.bytes.subarray(4), `attributes of inode ${inode.number}`);
    yield* entriesOf(volume, within, 0, budget, signal);
  }
  if (attributeBlock === 0) return;
  const block = await volume.readBlock(attributeBlock, `attribute block of inode ${inode.number}`, signal);
  if (block.u32(0) !== magic) throw new DiskDamagedError(`${block.what} has no magic number`);
  if (volume.verifiesMetadata) verifyBlock(volume, block, attributeBlock);
  yield* entriesOf(volume, block, blockHeaderBytes, budget, signal);
}

/** Entries from an offset on. Values lie in the same bytes, and their offsets count from the first of these. */
async function* entriesOf(
  volume: ExtVolume,
  fields: Fields,
  from: number,
  budget: AttributeBudget,
  signal: AbortSignal | undefined,
): AsyncGenerator<StoredAttribute> {
  for (let at = from; at + 4 <= fields.bytes.length && fields.u32(at) !== 0;) {
    const nameBytes = fields.u8(at);
    const valueInode = fields.u32(at + 4);
    const valueBytes = fields.u32(at + 8);
    budget.take(nameBytes, valueBytes, fields.what);
    const name = fields.slice(at + entryHeaderBytes, nameBytes);
    if (valueInode === 0) {
      const value = fields.slice(fields.u16(at + 2), valueBytes);
      if (volume.verifies) verifyEntry(fields, fields.u32(at + 12), name, value);
      yield { namespace: fields.u8(at + 1), name, value };
    } else {
      const value = await readValueInode(volume, valueInode, valueBytes, signal);
      yield { namespace: fields.u8(at + 1), name, value };
    }
    at += entryHeaderBytes + Math.ceil(nameBytes / 4) * 4;
  }
}

/** Hashes are those of the kernel; some kernels take bytes of names from 0x80 on as less than zero, others write none. */
function verifyEntry({ what }: Fields, stored: number, name: Uint8Array, value: Uint8Array): void {
  const padded = new Fields(new Uint8Array(Math.ceil(value.length / 4) * 4), what);
  padded.bytes.set(value);
  const hashOf = (isSigned: boolean): number => {
    let hash = 0;
    for (const byte of name)
      hash = (hash << 5) ^ (hash >>> 27) ^ (isSigned && byte >= 0x80 ? byte - 0x100 : byte);
    for (let at = 0; at < padded.bytes.length; at += 4) hash = (hash << 16) ^ (hash >>> 16) ^ padded.u32(at);
    return hash >>> 0;
  };
  if (stored !== 0 && stored !== hashOf(false) && stored !== hashOf(true))
    throw new DiskDamagedError(`${what} have one that does not have its hash`);
}

async function readValueInode(
  volume: ExtVolume,
  number: number,
  bytes: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const inode = await readInode(volume, number, signal);
  if (!hasFlag(inode, 'attributeValue') || inode.bytes !== bytes)
    throw new DiskDamagedError(`inode ${number} is not the value of an attribute of ${bytes} bytes`);
  const value = new Uint8Array(bytes);
  for await (const run of readContentRuns(volume, inode, {}, signal))
    if (run.kind === 'stored') value.set(await volume.source.read(run.at, run.bytes, signal), run.offset);
  if (volume.verifies) {
    const computed = addCrc32c(volume.superblock.checksumSeed, value);
    volume.checkChecksum(`the value of an attribute in inode ${number}`, computed, inode.valueChecksum);
  }
  return value;
}

function namedAttribute({ namespace, name, value }: StoredAttribute, inode: ExtInode): NodeAttribute {
  const prefix = namespaces[namespace];
  if (prefix === undefined)
    throw new DiskDamagedError(`inode ${inode.number} has an attribute of no known namespace (${namespace})`);
  return {
    name: prefixedName(prefix, name),
    value: aclNamespaces.includes(namespace) ? readAcl(value, inode) : new Uint8Array(value),
  };
}

const storedAclVersion = 1;

/** Access control lists are stored without the ids that their entries do not have. */
function readAcl(stored: Uint8Array, inode: ExtInode): Uint8Array {
  const fields = new Fields(stored, `access control list of inode ${inode.number}`);
  if (fields.u32(0) !== storedAclVersion)
    throw new DiskDamagedError(`${fields.what} has version ${fields.u32(0)}`);
  const entries: AclEntry[] = [];
  for (let at = 4; at < stored.length;) {
    const tag = fields.u16(at);
    entries.push({ tag, rights: fields.u16(at + 2), id: hasAclId(tag) ? fields.u32(at + 4) : 0 });
    at += hasAclId(tag) ? 8 : 4;
  }
  return givenAcl(entries);
}

function verifyBlock(volume: ExtVolume, block: Fields, number: number): void {
  const copy = new Uint8Array(block.bytes);
  copy.fill(0, 0x10, 0x14);
  const place = new Uint8Array(8);
  place.set(littleEndian32(number));
  place.set(littleEndian32(Math.floor(number / 2 ** 32)), 4);
  const computed = addCrc32c(addCrc32c(volume.superblock.checksumSeed, place), copy);
  volume.checkChecksum(block.what, computed, block.u32(0x10));
}
