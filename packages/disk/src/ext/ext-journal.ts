import { addCrc32c } from '../checksums/crc32.ts';
import { DiskDamagedError, DiskUnsupportedError } from '../errors.ts';
import type { ByteSource } from '../source/byte-source.ts';
import { Fields } from '../source/fields.ts';
import { readContentRuns } from './ext-blocks.ts';
import { readInode } from './ext-inode.ts';
import type { ExtVolume } from './ext-volume.ts';

const magic = 0xc03b3998;
const kinds = { descriptor: 1, commit: 2, first: 3, superblock: 4, revocation: 5 } as const;
const features = { revocation: 1, wide: 2, asynchronous: 4, halfSums: 8, sums: 16, fastCommits: 32 } as const;
/** Among the features that need not be known. */
const sumOfAll = 1;
const tagFlags = { escaped: 1, sameUuid: 2, last: 8 } as const;

/** More than `mke2fs` makes. A record of eight bytes for each is in memory. */
const mostBlocks = 10_240_000;

/** A file system as a mount would find it: what only its journal has is read from there. */
export interface ReplayedJournal {
  readonly source: ByteSource;
  /** Blocks that are read from it. */
  readonly blocks: number;
  readonly isReplayed: (offset: number, length: number) => boolean;
}

/** Where the journal has a block, and what its content must have as checksum, if that is known. */
interface LoggedBlock {
  readonly at: number;
  readonly isEscaped: boolean;
  readonly sequence: number;
  readonly checksum: number | undefined;
}

/**
 * Reads the journal of ext3 or ext4 (jbd2), and lays the blocks of all transactions that were committed over those of the
 * file system. Nothing is written. Of the journal is read what tells where blocks belong, one in some hundreds.
 * Memory: a record for each block.
 * @throws {@link DiskDamagedError} the journal cannot be right.
 * @throws {@link DiskUnsupportedError} it is on another device, or of a kind that would be misread.
 * @see https://www.kernel.org/doc/html/latest/filesystems/ext4/journal.html
 */
export async function replayJournal(volume: ExtVolume, signal?: AbortSignal): Promise<ReplayedJournal> {
  const log = await Log.open(volume, signal);
  const blocks = await log.listCommitted(signal);
  const { blockBytes } = volume;
  const source: ByteSource = {
    ...volume.basis,
    read: async (offset, length, readSignal) => {
      const bytes = await volume.basis.read(offset, length, readSignal);
      let whole: Uint8Array | undefined;
      for (let block = Math.floor(offset / blockBytes); block * blockBytes < offset + length; block += 1) {
        const logged = blocks.get(block);
        if (logged === undefined) continue;
        whole ??= new Uint8Array(bytes);
        const content = await log.readLogged(block, logged, readSignal);
        const at = block * blockBytes - offset;
        whole.set(content.subarray(Math.max(0, -at), length - at), Math.max(0, at));
      }
      return whole ?? bytes;
    },
  };
  const isReplayed = (offset: number, length: number): boolean => {
    for (let block = Math.floor(offset / blockBytes); block * blockBytes < offset + length; block += 1)
      if (blocks.has(block)) return true;
    return false;
  };
  return { source, blocks: blocks.size, isReplayed };
}

class Log {
  readonly #volume: ByteSource;
  readonly #blockBytes: number;
  /** Places of its blocks, in bytes. */
  readonly #places: readonly number[];
  readonly #superblock: Fields;
  readonly #seed: number;
  readonly #verifies: boolean;
  /** Number of the first transaction that is not in its place, and the block at which it begins; 0 if there is none. */
  readonly sequence: number;
  readonly start: number;
  readonly #first: number;
  readonly #blocks: number;

  private constructor(volume: ExtVolume, places: readonly number[], superblock: Fields) {
    this.#volume = volume.basis;
    this.#blockBytes = volume.blockBytes;
    this.#places = places;
    this.#superblock = superblock;
    this.#verifies = volume.verifies;
    this.#seed = addCrc32c(0xffffffff, superblock.slice(0x30, 16));
    this.#blocks = superblock.u32(0x10);
    this.#first = superblock.u32(0x14);
    this.sequence = superblock.u32(0x18);
    this.start = superblock.u32(0x1c);
  }

  static async open(volume: ExtVolume, signal: AbortSignal | undefined): Promise<Log> {
    const { journalInode } = volume.superblock;
    if (journalInode === 0) throw new DiskUnsupportedError('a journal on another device');
    const inode = await readInode(volume, journalInode, signal);
    if (inode.bytes > mostBlocks * volume.blockBytes) throw damaged('has more blocks than any');
    const places: number[] = [];
    for await (const run of readContentRuns(volume, inode, {}, signal)) {
      if (run.kind !== 'stored') throw damaged('has a hole');
      for (let at = 0; at < run.bytes; at += volume.blockBytes) places.push(run.at + at);
    }
    const bytes = await volume.source.read(places[0] ?? 0, volume.blockBytes, signal);
    const superblock = new Fields(bytes, 'the superblock of the journal', 'big');
    if (superblock.u32(0) !== magic || superblock.u32(4) !== kinds.superblock)
      throw damaged('has no superblock of a kind that is known');
    const log = new Log(volume, places, superblock);
    log.#check();
    return log;
  }

  /** Blocks of committed transactions, each as the last one has it, by their place in the file system. */
  async listCommitted(signal: AbortSignal | undefined): Promise<ReadonlyMap<number, LoggedBlock>> {
    const blocks = new Map<number, LoggedBlock>();
    if (this.start === 0) return blocks;
    let { sequence, start: at } = this;
    let open: (readonly [number, LoggedBlock])[] = [];
    let revocations: number[] = [];
    let doubt: DiskDamagedError | undefined;
    let committedAt = 0n;
    for (let seen = 0; seen < this.#blocks;) {
      const block = await this.#read(at, signal);
      if (block.u32(0) !== magic || block.u32(8) !== sequence) break;
      const kind = block.u32(4);
      let length = 1;
      if (kind === kinds.descriptor) {
        doubt ??= this.#complaintOf(block);
        const tagged = this.#tagsOf(block, at, sequence);
        open.push(...tagged);
        length += tagged.length;
      } else if (kind === kinds.revocation) {
        doubt ??= this.#complaintOf(block);
        revocations.push(at);
      } else if (kind === kinds.commit) {
        // What was written half when the machine ended has no commit; one of before is of a journal that was here once.
        if (doubt !== undefined && block.big64(0x30) < committedAt) break;
        if (doubt !== undefined) throw doubt;
        this.#checkCommit(block);
        for (const [number, logged] of open) blocks.set(number, logged);
        // What a transaction revoked was freed in it: what it and those before have of it is not put back.
        for (const place of revocations)
          for (const number of this.#revokedIn(await this.#read(place, signal))) blocks.delete(number);
        [open, revocations, committedAt] = [[], [], block.big64(0x30)];
        sequence = (sequence + 1) >>> 0;
      } else break;
      seen += length;
      at = this.#after(at, length);
    }
    return blocks;
  }

  async readLogged(
    block: number,
    { at, isEscaped, sequence, checksum }: LoggedBlock,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const bytes = await this.#volume.read(this.#placeOf(at), this.#blockBytes, signal);
    if (this.#verifies && checksum !== undefined) {
      const computed = addCrc32c(addCrc32c(this.#seed, bigEndian32(sequence)), bytes);
      if ((this.#has('sums') ? computed : computed & 0xffff) !== checksum)
        throw damaged(`does not have the checksum of block ${block}`);
    }
    if (!isEscaped) return bytes;
    const whole = new Uint8Array(bytes);
    whole.set(bigEndian32(magic));
    return whole;
  }

  #has(feature: keyof typeof features): boolean {
    return (this.#superblock.u32(0x28) & features[feature]) !== 0;
  }

  #check(): void {
    const known = Object.values(features).reduce((sum, bit) => sum | bit, 0);
    const unknown = (this.#superblock.u32(0x28) & ~known) >>> 0;
    if (unknown !== 0) throw new DiskUnsupportedError(`a journal with features 0x${unknown.toString(16)}`);
    // Their commits may be there before their blocks are, which one checksum of all of them tells.
    if (this.#has('asynchronous') && (this.#superblock.u32(0x24) & sumOfAll) !== 0)
      throw new DiskUnsupportedError('a journal with asynchronous commits that sum up all blocks');
    // They lie behind the transactions, and say what changed instead of how blocks are.
    if (this.#has('fastCommits')) throw new DiskUnsupportedError('a journal with fast commits');
    if (this.#superblock.u32(0xc) !== this.#blockBytes) throw damaged('has blocks of another size');
    const isWithin = this.#first > 0 && this.#first < this.#blocks && this.#blocks <= this.#places.length;
    if (!isWithin || this.start >= this.#blocks || (this.start > 0 && this.start < this.#first))
      throw damaged('has an impossible place');
    if (
      this.#verifiesBlocks &&
      this.#sumOf(this.#superblock.slice(0, 1024), 0xfc, 0xffffffff) !== this.#superblock.u32(0xfc)
    )
      throw damaged('does not have the checksum of its superblock');
  }

  get #verifiesBlocks(): boolean {
    return this.#verifies && (this.#has('sums') || this.#has('halfSums'));
  }

  /** The checksum of a block, in which its own place counts as zeros. */
  #sumOf(bytes: Uint8Array, place: number, seed = this.#seed): number {
    const blank = new Uint8Array(bytes);
    blank.fill(0, place, place + 4);
    return addCrc32c(seed, blank);
  }

  /** Damage of a descriptor or a revocation by the checksum at its end. */
  #complaintOf(block: Fields): DiskDamagedError | undefined {
    const place = this.#blockBytes - 4;
    const isRight = !this.#verifiesBlocks || this.#sumOf(block.bytes, place) === block.u32(place);
    return isRight ? undefined : damaged('does not have the checksum of a descriptor');
  }

  #checkCommit(block: Fields): void {
    if (this.#verifiesBlocks && this.#sumOf(block.bytes, 0x10) !== block.u32(0x10))
      throw damaged('does not have the checksum of a commit');
  }

  #tagsOf(block: Fields, at: number, sequence: number): (readonly [number, LoggedBlock])[] {
    const hasSums = this.#verifiesBlocks || this.#has('sums') || this.#has('halfSums');
    const end = this.#blockBytes - (hasSums ? 4 : 0);
    const isWide = this.#has('wide');
    const tagBytes = this.#has('sums') ? 16 : (this.#has('halfSums') ? 10 : 8) + (isWide ? 4 : 0);
    const tagged: (readonly [number, LoggedBlock])[] = [];
    for (let tag = 12; tag + tagBytes <= end;) {
      const flags = this.#has('sums') ? block.u32(tag + 4) : block.u16(tag + 6);
      // One that no file system has is in nobody's way.
      const number = (isWide ? block.u32(tag + 8) : 0) * 2 ** 32 + block.u32(tag);
      const checksum = this.#has('sums')
        ? block.u32(tag + 12)
        : this.#has('halfSums')
          ? block.u16(tag + 4)
          : undefined;
      const isEscaped = (flags & tagFlags.escaped) !== 0;
      tagged.push([number, { at: this.#after(at, tagged.length + 1), isEscaped, sequence, checksum }]);
      if ((flags & tagFlags.last) !== 0) break;
      tag += tagBytes + ((flags & tagFlags.sameUuid) === 0 ? 16 : 0);
    }
    return tagged;
  }

  #revokedIn(block: Fields): number[] {
    const numberBytes = this.#has('wide') ? 8 : 4;
    const end = Math.min(block.u32(0xc), this.#blockBytes);
    const numbers: number[] = [];
    for (let at = 0x10; at + numberBytes <= end; at += numberBytes)
      numbers.push(numberBytes === 8 ? block.u64(at) : block.u32(at));
    return numbers;
  }

  #after(at: number, blocks: number): number {
    const next = at + blocks;
    return next < this.#blocks ? next : next - this.#blocks + this.#first;
  }

  #placeOf(at: number): number {
    const place = this.#places[at];
    if (place === undefined) throw damaged(`names its block ${at}`);
    return place;
  }

  async #read(at: number, signal: AbortSignal | undefined): Promise<Fields> {
    const bytes = await this.#volume.read(this.#placeOf(at), this.#blockBytes, signal);
    return new Fields(bytes, 'the journal', 'big');
  }
}

function bigEndian32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function damaged(what: string): DiskDamagedError {
  return new DiskDamagedError(`the journal ${what}`);
}
