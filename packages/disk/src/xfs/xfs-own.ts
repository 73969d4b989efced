import { DiskDamagedError, DiskError } from '../errors.ts';
import type { ListedNode, OwnStretch } from '../file-system/file-system.ts';
import { Fields } from '../source/fields.ts';
import { checkCrc, checkSame, checkUuid } from './xfs-checks.ts';
import type { XfsVolume } from './xfs-volume.ts';

/** The third sector of a group says where the tree of its inodes begins. */
const headerSector = 2;
const headerSectors = 4;
const chunkInodes = 64;
const recordBytes = 16;
const keyBytes = 4;
const mostLevels = 9;
const magics = { old: 'IABT', named: 'IAB3' } as const;
const headerBytes = { old: 16, named: 56 } as const;

/** Neighbouring inodes that are in use, by the number of the first. */
interface InodeRun {
  readonly first: number;
  readonly count: number;
}

/** Inodes that say that they have a name, by the trees of all groups. What the file system has for itself is left out. */
export async function* listNamedXfsInodes(
  volume: XfsVolume,
  signal?: AbortSignal,
): AsyncGenerator<ListedNode> {
  const { groups, inodeBytes, ownInodes } = volume.superblock;
  for (let group = 0; group < groups; group += 1) {
    try {
      for await (const { first, count } of usedInodes(volume, group, signal)) {
        const at = volume.locateInode(first);
        const bytes = await volume.source.read(at, count * inodeBytes, signal);
        const table = new Fields(bytes, `inodes of group ${group}`, 'big');
        for (let index = 0; index < count; index += 1) {
          const id = first + index;
          if (isNamed(table, index * inodeBytes) && !ownInodes.includes(id)) yield { id };
        }
      }
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      yield { error };
    }
  }
}

function isNamed(table: Fields, at: number): boolean {
  const names = table.u8(at + 4) === 1 ? table.u16(at + 6) : table.u32(at + 16);
  return table.has(at, 'IN') && table.u16(at + 2) !== 0 && names !== 0;
}

/** Stretches in which the file system keeps itself, and which no file can have. */
export function* listXfsOwnStretches({ superblock }: XfsVolume): Generator<OwnStretch> {
  const { groups, groupBlocks, blockBytes, sectorBytes } = superblock;
  for (let group = 0; group < groups; group += 1)
    yield {
      what: `headers of group ${group}`,
      at: group * groupBlocks * blockBytes,
      bytes: headerSectors * sectorBytes,
    };
}

async function* usedInodes(
  volume: XfsVolume,
  group: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<InodeRun> {
  const { groupBlocks, groupBlockBits, blockBytes, sectorBytes, inodeBits, metadataUuid } = volume.superblock;
  const version = volume.isNamed ? 'named' : 'old';
  const what = `tree of the inodes of group ${group}`;
  const firstInode = group * 2 ** (groupBlockBits + inodeBits);
  const header = await readHeader();
  yield* readBelow(header.u32(20), header.u32(24) - 1, { from: 0, to: groupBlocks * 2 ** inodeBits });

  async function readHeader(): Promise<Fields> {
    const at = group * groupBlocks * blockBytes + headerSector * sectorBytes;
    const bytes = await volume.source.read(at, sectorBytes, signal);
    const fields = new Fields(bytes, `header of the ${what}`, 'big');
    if (volume.verifies) checkCrc(fields, 312);
    if (volume.isNamed) checkUuid(fields, 296, metadataUuid);
    checkSame(fields.what, 'group', fields.u32(8), group);
    if (!fields.has(0, 'XAGI') || fields.u32(24) === 0 || fields.u32(24) > mostLevels)
      throw new DiskDamagedError(`${fields.what} says that it has ${fields.u32(24)} levels`);
    return fields;
  }

  /** As in trees of extents, ranges follow one another, and levels fall. Only the tree of a group without inodes is empty. */
  async function* readBelow(
    block: number,
    level: number,
    range: { readonly from: number; readonly to: number },
  ): AsyncGenerator<InodeRun> {
    const stored = group * 2 ** groupBlockBits + block;
    const at = volume.locateBlocks(stored, 1, what) * blockBytes;
    const bytes = await volume.source.read(at, blockBytes, signal);
    const places = { crc: 52, place: 16, uuid: 32, owner: 48, ownerBytes: 4 } as const;
    const fields = volume.metadata(bytes, at, { what, owner: group, places });
    const count = fields.u16(6);
    if (!fields.has(0, magics[version]) || fields.u16(4) !== level)
      throw new DiskDamagedError(`${fields.what} is of level ${fields.u16(4)}, where ${level} is expected`);
    const keysAt = headerBytes[version];
    const eachBytes = level === 0 ? recordBytes : keyBytes;
    fields.slice(keysAt, count * eachBytes);
    const most = Math.floor((blockBytes - keysAt) / (2 * keyBytes));
    let least = range.from;
    for (let index = 0; index < count; index += 1) {
      const first = fields.u32(keysAt + index * eachBytes);
      const isLast = index === count - 1;
      const to = isLast ? range.to : fields.u32(keysAt + (index + 1) * eachBytes);
      if (first < least || first >= to) throw new DiskDamagedError(`${fields.what} is out of order`);
      least = first + 1;
      if (level === 0) yield* usedIn(fields.big64(keysAt + index * recordBytes + 8), firstInode + first);
      else
        yield* readBelow(fields.u32(keysAt + most * keyBytes + index * keyBytes), level - 1, {
          from: first,
          to,
        });
    }
  }
}

/** A bit for each inode of a chunk that is free, or that the chunk has not. */
function* usedIn(free: bigint, first: number): Generator<InodeRun> {
  for (let index = 0; index < chunkInodes;) {
    let count = 0;
    while (index + count < chunkInodes && ((free >> BigInt(index + count)) & 1n) === 0n) count += 1;
    if (count > 0) yield { first: first + index, count };
    index += count + 1;
  }
}
