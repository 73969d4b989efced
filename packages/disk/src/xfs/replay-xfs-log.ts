import { DiskDamagedError, DiskUnsupportedError } from '../errors.ts';
import type { ByteSource } from '../source/byte-source.ts';
import { Fields } from '../source/fields.ts';
import type { XfsLog } from './xfs-log.ts';
import { listCommitted, type LogItem } from './xfs-log-items.ts';
import { readLogRecords } from './xfs-log-records.ts';
import { lsnOfBuffer, sealBuffer } from './xfs-logged-buffer.ts';
import { changesOwner, freshInode, type LoggedInode, replayInode } from './xfs-logged-inode.ts';
import type { XfsVolume } from './xfs-volume.ts';

const types = { inode: 0x123b, buffer: 0x123c, inodes: 0x123f } as const;
/**
 * Changes that a mount goes on with, and that content depends on: mappings, attributes, exchanged content. Each by the type
 * that begins it, with the type that ends it.
 */
const intents: Readonly<Record<number, number>> = { 0x1244: 0x1245, 0x1246: 0x1247, 0x1248: 0x1249 };
const intentsByEnd = new Map(Object.entries(intents).map(([begin, end]) => [end, Number(begin)]));
/** Changes that content does not depend on: extents to be freed, owners and counts of extents, quotas. */
const passedOver: readonly number[] = [0x1236, 0x1237, 0x1240, 0x1241, 0x1242, 0x1243, 0x123d, 0x123e];
const bufferFlags = { inodes: 1, cancelled: 2, quotas: 0x1c } as const;
const unitBytes = 512;
const chunkBytes = 128;
/** No buffer of metadata is larger. */
const mostBufferBytes = 65_536;
/** Buffers that overlap were the same blocks at different times: they are never many. */
const mostOverlappingBytes = 2 ** 20;
/** Stretches that may overlap, for each sector of what is read. */
const mostOverlapping = 4;
/** Inodes that are made at once; more only where a block has more. */
const inodesMadeAtOnce = 64;
/** A log of 64 MiB has fewer new inodes, as each of them is then logged by itself, too. */
const mostFreshInodes = 2 ** 18;
/** An inode that changed more often is replayed once, and kept. */
const fewChanges = 8;

/** A file system as a mount would find it: what only its log has is read from there. */
export interface ReplayedLog {
  readonly source: ByteSource;
  /** Inodes and blocks of metadata that are read from it. */
  readonly places: number;
  readonly isReplayed: (offset: number, length: number) => boolean;
}

type Change = { readonly order: number } & (
  | { readonly kind: 'pieces'; readonly lsn: bigint; readonly pieces: readonly Piece[] }
  | { readonly kind: 'fresh'; readonly bytes: Uint8Array }
  | { readonly kind: 'inode'; readonly inode: LoggedInode }
);

interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A buffer or an inode that the log has changes of. */
interface Stretch {
  readonly at: number;
  readonly bytes: number;
  changes: Change[];
}

/**
 * Reads the log of XFS of version 5, and lays what was committed to it over the file system, as a mount does. Nothing is
 * written. A change is applied when its place is read, unless what is stored there says that it is newer.
 * Memory: the records that are replayed, 64 MiB at most, and what they are sorted by.
 * @throws {@link DiskDamagedError} the log cannot be right.
 * @throws {@link DiskUnsupportedError} it has what is not known here, or what a mount would have to go on with.
 * @see https://docs.kernel.org/filesystems/xfs/xfs-delayed-logging-design.html
 */
export async function replayXfsLog(volume: XfsVolume, log: XfsLog): Promise<ReplayedLog> {
  const { superblock } = volume;
  if (!volume.isNamed) throw new DiskUnsupportedError(`the log of XFS version ${superblock.version}`);
  if (superblock.directoryBlockBytes > superblock.blockBytes)
    throw new DiskUnsupportedError('the log of an XFS with directories in larger blocks than others');
  const records = await readLogRecords(log, { uuid: superblock.uuid, verifies: volume.verifies });
  const changes = new LoggedChanges(volume);
  changes.add([...listCommitted(records)]);
  const source: ByteSource = {
    ...volume.source,
    read: async (offset, length, signal) => changes.read(offset, length, signal),
  };
  const isReplayed = (offset: number, length: number): boolean => changes.has(offset, offset + length);
  return { source, places: changes.places, isReplayed };
}

class LoggedChanges {
  readonly #volume: XfsVolume;
  /** By their place and size: a block may be one buffer at one time, and part of another at another. */
  readonly #stretches = new Map<string, Stretch>();
  /** Stretches that a block is in, in blocks of the file system. */
  readonly #byBlock = new Map<number, Stretch[]>();
  /** Buffers that were freed later on, and how often: what was logged of them before is not put back. */
  readonly #cancelled = new Map<string, number>();
  /** The same, by their place alone. */
  readonly #cancelledAt = new Map<number, number>();
  readonly #open = new Set<string>();
  #freshInodes = 0;
  #order = 0;

  constructor(volume: XfsVolume) {
    this.#volume = volume;
  }

  get places(): number {
    return this.#stretches.size;
  }

  add(transactions: readonly (readonly LogItem[])[]): void {
    for (const item of transactions.flat())
      if (item.type === types.buffer) {
        const { flags, key, at } = bufferOf(item);
        if ((flags & bufferFlags.cancelled) === 0) continue;
        addTo(this.#cancelled, key, 1);
        addTo(this.#cancelledAt, at, 1);
      }
    for (const items of transactions) {
      // Buffers come first, as inodes are in some of them; what frees them comes last.
      const isBuffer = ({ type }: LogItem): boolean => type !== types.inode;
      for (const item of items.filter(isBuffer)) this.#addOther(item);
      for (const item of items.filter((one) => !isBuffer(one))) this.#addInode(item);
      for (const item of items) if (item.type === types.buffer) this.#endCancellation(item);
    }
    if (this.#open.size > 0)
      throw new DiskUnsupportedError(
        'a log of XFS with a change of mappings or attributes that a mount would go on with',
      );
  }

  #addOther(item: LogItem): void {
    if (item.type === types.buffer) return this.#addBuffer(item);
    if (item.type === types.inodes) return this.#addFresh(item);
    const isBegin = intents[item.type] !== undefined;
    const begin = isBegin ? item.type : intentsByEnd.get(item.type);
    if (begin === undefined) {
      if (passedOver.includes(item.type)) return;
      throw new DiskUnsupportedError(`a log of XFS with changes of type 0x${item.type.toString(16)}`);
    }
    const key = `${begin} ${firstOf(item).big64(8)}`;
    if (isBegin) this.#open.add(key);
    else this.#open.delete(key);
  }

  #addBuffer(item: LogItem): void {
    const { flags, key, at, bytes, fields } = bufferOf(item);
    if ((flags & bufferFlags.cancelled) !== 0 || this.#cancelled.has(key)) return;
    // Of inodes in it, only what links those that are deleted is meant; quotas are not read.
    if ((flags & (bufferFlags.inodes | bufferFlags.quotas)) !== 0) return;
    const pieces: Piece[] = [];
    const words = fields.u32(16);
    const isLogged = (chunk: number): boolean =>
      chunk < words * 32 && (fields.u32(20 + Math.floor(chunk / 32) * 4) & (2 ** (chunk % 32))) !== 0;
    let chunk = 0;
    for (const logged of item.pieces.slice(1)) {
      while (chunk < words * 32 && !isLogged(chunk)) chunk += 1;
      const count = logged.length / chunkBytes;
      if (!Number.isInteger(count)) throw damaged('has a piece of a block that is no chunk');
      for (let index = 0; index < count; index += 1)
        if (!isLogged(chunk + index)) throw damaged('has other pieces of a block than it says');
      pieces.push({ at: chunk * chunkBytes, bytes: logged });
      chunk += count;
      if (chunk * chunkBytes > bytes) throw damaged('has more of a block than there is');
    }
    this.#stretch(at, bytes).changes.push({ ...this.#next(), kind: 'pieces', lsn: item.lsn, pieces });
  }

  /** Inodes that were made where there were none. */
  #addFresh(item: LogItem): void {
    const { groupBlockBits, blockBytes, inodeBits, inodeBytes, metadataUuid } = this.#volume.superblock;
    const fields = new Fields(item.pieces[0] ?? new Uint8Array(), 'new inodes in the log', 'big');
    const [group, first, count, bytes, length] = [4, 8, 12, 16, 20].map((at) => fields.u32(at));
    if (group === undefined || first === undefined || count === undefined || length === undefined) return;
    if (
      bytes !== inodeBytes ||
      count * inodeBytes !== length * blockBytes ||
      count > Math.max(inodesMadeAtOnce, blockBytes / inodeBytes)
    )
      throw damaged(`has ${count} new inodes of ${bytes} bytes in ${length} blocks`);
    this.#freshInodes += count;
    if (this.#freshInodes > mostFreshInodes) throw damaged(`has more than ${mostFreshInodes} new inodes`);
    const stored = group * 2 ** groupBlockBits + first;
    const at = this.#volume.locateBlocks(stored, length, 'a change in the log') * blockBytes;
    for (let block = 0; block < length; block += 1)
      if (this.#cancelledAt.has(at + block * blockBytes)) return;
    const before = stored * 2 ** inodeBits;
    for (let index = 0; index < count; index += 1)
      this.#stretch(at + index * inodeBytes, inodeBytes).changes.push({
        ...this.#next(),
        kind: 'fresh',
        bytes: freshInode(before + index, fields.u32(24), inodeBytes, metadataUuid),
      });
  }

  #addInode(item: LogItem): void {
    const fields = firstOf(item);
    if (fields.bytes.length !== 56) throw new DiskUnsupportedError('a log of XFS of a machine of 32 bits');
    const [block, units] = [fields.u64(40), fields.u32(48)];
    if (this.#cancelled.has(`${block} ${units}`)) return;
    const [, core = new Uint8Array(), ...forks] = item.pieces;
    const [number, changed, device] = [fields.u64(16), fields.u32(4), fields.u32(24)];
    const inode = { number, fields: changed, device, lsn: item.lsn, core, forks };
    if (changesOwner(inode)) throw new DiskUnsupportedError('a log of XFS with files that were defragmented');
    const at = this.#volume.locateInode(number);
    if (at !== block * unitBytes + fields.u32(52)) throw damaged(`has inode ${number} in another place`);
    const { changes } = this.#stretch(at, this.#volume.superblock.inodeBytes);
    changes.push({ ...this.#next(), kind: 'inode', inode });
  }

  #endCancellation(item: LogItem): void {
    const { flags, key, at } = bufferOf(item);
    if ((flags & bufferFlags.cancelled) === 0) return;
    addTo(this.#cancelled, key, -1);
    addTo(this.#cancelledAt, at, -1);
  }

  #next(): { readonly order: number } {
    this.#order += 1;
    return { order: this.#order };
  }

  #stretch(at: number, bytes: number): Stretch {
    const key = `${at} ${bytes}`;
    const known = this.#stretches.get(key);
    if (known !== undefined) return known;
    const { blockBytes, superblock } = this.#volume;
    if (bytes === 0 || bytes > mostBufferBytes || at + bytes > superblock.blocks * blockBytes)
      throw damaged(`has ${bytes} bytes at ${at} of the file system`);
    const made: Stretch = { at, bytes, changes: [] };
    this.#stretches.set(key, made);
    for (let block = Math.floor(at / blockBytes); block * blockBytes < at + bytes; block += 1) {
      const others = this.#byBlock.get(block);
      if (others === undefined) this.#byBlock.set(block, [made]);
      else others.push(made);
    }
    return made;
  }

  #touching(from: number, to: number): Set<Stretch> {
    const { blockBytes } = this.#volume;
    const found = new Set<Stretch>();
    for (let block = Math.floor(from / blockBytes); block * blockBytes < to; block += 1)
      for (const stretch of this.#byBlock.get(block) ?? [])
        if (stretch.at < to && stretch.at + stretch.bytes > from) found.add(stretch);
    return found;
  }

  has(from: number, to: number): boolean {
    return this.#touching(from, to).size > 0;
  }

  async read(offset: number, length: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    let [from, to] = [offset, offset + length];
    let touching = this.#touching(from, to);
    if (touching.size === 0) return this.#volume.source.read(offset, length, signal);
    // Checksums cover all of a buffer, and so what overlaps it counts, too.
    for (;;) {
      if (touching.size > mostOverlapping * Math.ceil((to - from) / unitBytes + 1))
        throw damaged('has too much that overlaps');
      from = Math.min(from, ...[...touching].map(({ at }) => at));
      to = Math.max(to, ...[...touching].map(({ at, bytes }) => at + bytes));
      if (to - from > length + mostOverlappingBytes) throw damaged('has too much that overlaps');
      const more = this.#touching(from, to);
      if (more.size === touching.size) break;
      touching = more;
    }
    const bytes = new Uint8Array(await this.#volume.source.read(from, to - from, signal));
    this.#apply(bytes, from, [...touching]);
    return bytes.subarray(offset - from, offset - from + length);
  }

  #apply(bytes: Uint8Array, from: number, stretches: readonly Stretch[]): void {
    const within = ({ at, bytes: length }: Stretch): Uint8Array =>
      bytes.subarray(at - from, at - from + length);
    const { superblock } = this.#volume;
    const owner = {
      uuid: superblock.metadataUuid,
      hasMetadataUuid: superblock.features.has('meta_uuid'),
    };
    const storedLsns = new Map(stretches.map((stretch) => [stretch, lsnOfBuffer(within(stretch), owner)]));
    const changed = new Set<Stretch>();
    const all = stretches.flatMap((stretch) => stretch.changes.map((change) => ({ stretch, change })));
    all.sort((one, other) => one.change.order - other.change.order);
    for (const { stretch, change } of all) {
      const place = within(stretch);
      if (change.kind === 'fresh') place.set(change.bytes);
      else if (change.kind === 'inode') replayInode(place, change.inode);
      else {
        const stored = storedLsns.get(stretch);
        if (stored !== undefined && stored >= change.lsn) continue;
        for (const piece of change.pieces) place.set(piece.bytes, piece.at);
        // The one that was changed last has the word on what is there.
        changed.delete(stretch);
        changed.add(stretch);
      }
    }
    for (const stretch of changed) if (!isOverlaid(stretch, stretches)) sealBuffer(within(stretch));
    for (const stretch of stretches)
      if (stretch.changes.length > fewChanges && !stretch.changes.some(({ kind }) => kind === 'pieces'))
        keepOutcome(stretch, within(stretch), stretches);
  }
}

/** Adds to a count. A count of zero is left out. */
function addTo<Key>(counts: Map<Key, number>, key: Key, more: number): void {
  const count = (counts.get(key) ?? 0) + more;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

function keepOutcome(inode: Stretch, bytes: Uint8Array, others: readonly Stretch[]): void {
  const [last] = inode.changes.slice(-1);
  if (last === undefined || others.some((other) => other !== inode && overlaps(inode, other))) return;
  inode.changes = [{ order: last.order, kind: 'fresh', bytes: new Uint8Array(bytes) }];
}

function overlaps(one: Stretch, { at, bytes }: Stretch): boolean {
  return at < one.at + one.bytes && at + bytes > one.at;
}

/** True if another stretch that shares bytes with it was changed later. */
function isOverlaid(stretch: Stretch, others: readonly Stretch[]): boolean {
  const last = stretch.changes.at(-1)?.order ?? 0;
  return others.some((other) => overlaps(stretch, other) && (other.changes.at(-1)?.order ?? 0) > last);
}

function firstOf({ pieces }: LogItem): Fields {
  return new Fields(pieces[0] ?? new Uint8Array(), 'a change in the log');
}

function bufferOf(item: LogItem): {
  readonly fields: Fields;
  readonly flags: number;
  readonly key: string;
  readonly at: number;
  readonly bytes: number;
} {
  const fields = firstOf(item);
  const [flags, units, place] = [fields.u16(4), fields.u16(6), fields.u64(8)];
  return { fields, flags, key: `${place} ${units}`, at: place * unitBytes, bytes: units * unitBytes };
}

function damaged(what: string): DiskDamagedError {
  return new DiskDamagedError(`the log of XFS ${what}`);
}
