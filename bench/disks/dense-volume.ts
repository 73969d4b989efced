import { hash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { BlockContent, BlockPage, BlockSource, PagePlace, SnapshotBlock } from '@holdfast/engine';
import { ebsBlockBytes, ebsPageBlocks } from '@holdfast/engine/model';
import { makeExtImage } from '@holdfast/disk/testing';
import { noise } from '../seeded-bytes.ts';

const blockBytes = 4096;
const groupBlocks = 32_768;
/** Groups whose tables are all in the first of them. */
const flexGroups = 16;
/** Noise; each block of the volume begins at another place in it. */
const content = noise('dense', 2 * ebsBlockBytes);
const beginnings = 1021;

/** Makes an image of ext4 with a file `/large` that has all of its blocks, none of which is written. */
export function makeDenseImage(image: string, fileBytes: number): void {
  const needed = Math.ceil(fileBytes / (groupBlocks * blockBytes));
  const groups: number[] = [];
  for (let group = 2; groups.length < needed; group += 1) if (group % flexGroups !== 0) groups.push(group);
  const blocks = groups.map((group) => group * groupBlocks);
  makeExtImage(image, {
    size: `${(((groups.at(-1) ?? 0) + flexGroups) * groupBlocks * blockBytes) / 1024}k`,
    features: '^has_journal,^resize_inode,^sparse_super,sparse_super2',
    options: ['-N', '1024'],
    commands: [
      'write /dev/null large',
      ...blocks.map((block) => `setb ${block} ${groupBlocks}`),
      'extent_open large',
      ...blocks.map(
        (block, at) => `insert_node ${at === 0 ? '' : '--after '}${at * groupBlocks} ${groupBlocks} ${block}`,
      ),
      'extent_close',
      `set_inode_field large size ${fileBytes}`,
    ],
  });
}

/** The bytes of such a file from a place on, up to the end of a block of the volume. @param at - in the volume. */
export function expectedAt(at: number, most: number): Uint8Array {
  const within = at % ebsBlockBytes;
  return blockAt(Math.floor(at / ebsBlockBytes)).subarray(within, Math.min(ebsBlockBytes, within + most));
}

/** The place in the volume of a byte of such a file. */
export function placeOf(offset: number): number {
  const extentBytes = groupBlocks * blockBytes;
  const extent = Math.floor(offset / extentBytes);
  // Groups 2 to 15, then fifteen of each sixteen.
  const group =
    extent < flexGroups - 2
      ? extent + 2
      : extent + 3 + Math.floor((extent - (flexGroups - 2)) / (flexGroups - 1));
  return group * extentBytes + (offset % extentBytes);
}

/** True for a block of a group that has tables: the image has its content. */
function isOfTables(index: number): boolean {
  const group = Math.floor((index * ebsBlockBytes) / (groupBlocks * blockBytes));
  return group < 2 || group % flexGroups === 0;
}

function blockAt(index: number): Buffer {
  const from = (index % beginnings) * 512;
  return content.subarray(from, from + ebsBlockBytes);
}

/** A snapshot of such an image. Every block that is not of the file system itself is noise, and nothing is stored. */
export class DenseVolume implements BlockSource {
  readonly #handle: number;
  readonly #bytes: number;
  reads = 0;

  constructor(image: string) {
    this.#handle = openSync(image, 'r');
    this.#bytes = statSync(image).size;
  }

  async *list(snapshot: string, place: number | PagePlace): AsyncGenerator<BlockPage> {
    const from = typeof place === 'number' ? place : place.index;
    const blocks = Math.ceil(this.#bytes / ebsBlockBytes);
    for (let first = from; first === from || first < blocks; first += ebsPageBlocks)
      yield {
        bytes: this.#bytes,
        blockBytes: ebsBlockBytes,
        blocks: Array.from({ length: Math.max(0, Math.min(ebsPageBlocks, blocks - first)) }, (_, at) => ({
          index: first + at,
          token: snapshot,
        })),
      };
  }

  listChanged(): AsyncIterable<BlockPage> {
    throw new Error('a dense volume has one snapshot');
  }

  async read(_snapshot: string, { index }: Required<SnapshotBlock>): Promise<BlockContent> {
    this.reads += 1;
    const bytes = new Uint8Array(ebsBlockBytes);
    if (isOfTables(index)) readSync(this.#handle, bytes, 0, bytes.length, index * ebsBlockBytes);
    else bytes.set(blockAt(index));
    return Promise.resolve({ bytes, sha256: hash('sha256', bytes, 'buffer') });
  }

  close(): void {
    closeSync(this.#handle);
  }
}
