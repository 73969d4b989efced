import { DiskDamagedError } from '../errors.ts';
import { Fields } from '../source/fields.ts';
import { sealCrc } from './xfs-checks.ts';

const magic = 0x494e;
const crcAt = 100;
const coreBytes = 176;
const parts = { data: 0x2, extents: 0x4, tree: 0x8, device: 0x10 } as const;
const contentParts = parts.data | parts.extents | parts.tree;
/** Flags of the attributes are those of the content, this many bits higher. */
const attributeShift = 5;
const ownerParts = 0x600;
const big = { times: 0x8, counts: 0x10 } as const;

/** Offsets and sizes of numbers, which a log has in the order of its machine, and the disk with the first byte first. */
const numbers: readonly (readonly [at: number, bytes: number])[] = [
  ...[0, 2, 6, 20, 22, 80, 88, 90].map((at) => [at, 2] as const),
  ...[8, 12, 16, 72, 76, 84, 92, 128].map((at) => [at, 4] as const),
  ...[56, 64, 104, 120, 152].map((at) => [at, 8] as const),
];
const times = [32, 40, 48, 144];
const countOfExtentsAt = 24;
const lsnAt = 112;

/** An inode as a change in the log has it. */
export interface LoggedInode {
  readonly number: number;
  /** The parts that it has. */
  readonly fields: number;
  readonly device: number;
  readonly lsn: bigint;
  readonly core: Uint8Array;
  readonly forks: readonly Uint8Array[];
}

/** True if blocks of its tree change their owner with it, which is not in the log. */
export function changesOwner({ fields }: Pick<LoggedInode, 'fields'>): boolean {
  return (fields & ownerParts) !== 0;
}

/**
 * Lays an inode of the log over the one that is stored, unless that is newer.
 * @param stored - all bytes of the inode, which are changed.
 * @throws {@link DiskDamagedError} there is no inode, or it has no room for what the log has.
 */
export function replayInode(stored: Uint8Array, logged: LoggedInode): void {
  const what = `inode ${logged.number}`;
  const disk = new Fields(stored, what, 'big');
  if (disk.u16(0) !== magic) throw new DiskDamagedError(`${what} is in the log, and not in its place`);
  const lsn = disk.big64(lsnAt);
  if (lsn !== 2n ** 64n - 1n && lsn > logged.lsn) return;
  const core = new Fields(logged.core, `${what} in the log`);
  if (core.u16(0) !== magic || core.u8(4) !== 3)
    throw new DiskDamagedError(`${core.what} has no magic number, or another version`);
  replayCore(stored, core, logged.lsn);
  replayForks(stored, logged);
  sealCrc(stored, crcAt);
}

function replayCore(stored: Uint8Array, core: Fields, lsn: bigint): void {
  const has = (flag: keyof typeof big): boolean => (core.u8(120) & big[flag]) !== 0;
  const turn = (at: number, bytes: number): void => stored.set(core.slice(at, bytes).toReversed(), at);
  for (const [at, bytes] of numbers) turn(at, bytes);
  for (const at of times)
    if (has('times')) turn(at, 8);
    else {
      turn(at, 4);
      turn(at + 4, 4);
    }
  for (const at of [4, 5, 82, 83]) stored[at] = core.u8(at);
  stored.fill(0, countOfExtentsAt, countOfExtentsAt + 8);
  if (has('counts')) turn(countOfExtentsAt, 8);
  stored.fill(0, 132, 144);
  stored.set(core.slice(160, 16), 160);
  new DataView(stored.buffer, stored.byteOffset).setBigUint64(lsnAt, lsn);
}

function replayForks(stored: Uint8Array, { number, fields, device, forks }: LoggedInode): void {
  const offset = (stored[82] ?? 0) * 8;
  const attributesAt = offset === 0 ? stored.length : coreBytes + offset;
  if (attributesAt > stored.length)
    throw new DiskDamagedError(`inode ${number} in the log has its attributes at byte ${attributesAt}`);
  const content = stored.subarray(coreBytes, attributesAt);
  if ((fields & parts.device) !== 0)
    new DataView(stored.buffer, stored.byteOffset).setUint32(coreBytes, device);
  const left = [...forks];
  const ofBoth = [
    { kind: fields & contentParts, room: content },
    { kind: (fields >> attributeShift) & contentParts, room: stored.subarray(attributesAt) },
  ];
  for (const { kind, room } of ofBoth) {
    if (kind === 0) continue;
    const logged = left.shift();
    if (logged === undefined) throw new DiskDamagedError(`inode ${number} in the log lacks a part`);
    const bytes = kind === parts.tree ? storedRoot(logged, room.length, number) : logged;
    if (bytes.length > room.length)
      throw new DiskDamagedError(`inode ${number} in the log has ${bytes.length} bytes for ${room.length}`);
    room.set(bytes);
  }
}

const treeHeaderBytes = 72;

/** The root of a tree of extents as an inode stores it; a log has it as a block of its own, with a longer header. */
function storedRoot(logged: Uint8Array, room: number, inode: number): Uint8Array {
  const block = new Fields(logged, `the tree of inode ${inode} in the log`, 'big');
  const count = block.u16(6);
  const most = Math.floor((logged.length - treeHeaderBytes) / 16);
  const mostStored = Math.floor((room - 4) / 16);
  if (count > most || count > mostStored)
    throw new DiskDamagedError(`${block.what} has ${count} entries where ${mostStored} have room`);
  const root = new Uint8Array(4 + mostStored * 16);
  root.set(block.slice(4, 4));
  root.set(block.slice(treeHeaderBytes, count * 8), 4);
  root.set(block.slice(treeHeaderBytes + most * 8, count * 8), 4 + mostStored * 8);
  return root;
}

/** The inodes that were made at once, as they are before anything else is said of them. */
export function freshInode(number: number, generation: number, bytes: number, uuid: Uint8Array): Uint8Array {
  const inode = new Uint8Array(bytes);
  const view = new DataView(inode.buffer);
  view.setUint16(0, magic);
  view.setUint8(4, 3);
  view.setUint32(92, generation);
  view.setUint32(96, 0xffffffff);
  view.setBigUint64(152, BigInt(number));
  inode.set(uuid, 160);
  sealCrc(inode, crcAt);
  return inode;
}
