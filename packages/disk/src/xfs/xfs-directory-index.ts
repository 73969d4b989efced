import { DiskDamagedError } from '../errors.ts';
import { hashXfsName } from './hash-xfs-name.ts';
import { firstFrom, leavesFrom } from './xfs-hash-tree.ts';
import type { XfsInode } from './xfs-inode.ts';
import type { XfsVolume } from './xfs-volume.ts';

/** The index comes at that byte of a directory's content; entries are before it. */
export const indexAt = 32 * 2 ** 30;

/** Magic numbers of directories with one leaf, and with more. */
const leafMagics = { old: [0xd2f1, 0xd2ff], named: [0x3df1, 0x3dff] } as const;
const headerBytes = { old: 16, named: 64 } as const;
const entryBytes = 8;
/** Entries are found by the eighth part of their place; none is at 0. */
const addressUnit = 8;

/** Places in a directory's content of entries whose names have the hash of a name. */
export async function* findAddresses(
  volume: XfsVolume,
  inode: XfsInode,
  name: Uint8Array,
  signal?: AbortSignal,
): AsyncGenerator<number> {
  const { directoryBlockBytes } = volume.superblock;
  const tree = {
    fork: inode.content,
    root: indexAt / volume.blockBytes,
    blocks: directoryBlockBytes / volume.blockBytes,
    leafMagics: leafMagics[volume.isNamed ? 'named' : 'old'],
  };
  const hash = hashXfsName(name);
  const at = headerBytes[volume.isNamed ? 'named' : 'old'];
  for await (const { fields, count } of leavesFrom(volume, tree, hash, signal)) {
    for (let index = firstFrom(fields, at, count, hash); index < count; index += 1) {
      const place = at + index * entryBytes;
      if (fields.u32(place) !== hash) return;
      const address = fields.u32(place + 4) * addressUnit;
      if (address >= inode.bytes)
        throw new DiskDamagedError(`${fields.what} names byte ${address} of ${inode.bytes}`);
      if (address !== 0) yield address;
    }
  }
}
