import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir, open, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { WrittenBlocks } from './written-blocks.ts';

const run = promisify(execFile);
const gibibyte = 1024 ** 3;
const readBytes = 2 ** 22;
const zeros = Buffer.alloc(readBytes);
/** Bytes of a block of a snapshot, of whatever volume. */
export const blockBytes = 2 ** 19;

/** SHA-256 of a stretch of a volume up to its last byte that is not zero, in hex; the stretch is shorter where the volume ends. */
export interface VolumeDigest {
  readonly sha256: string;
  readonly length: number;
}

export function volumeFilePath(dataDir: string, volumeId: string): string {
  return join(dataDir, 'ec2', 'volumes', `${volumeId}.raw`);
}

export function snapshotFilePath(dataDir: string, snapshotId: string): string {
  return join(dataDir, 'ec2', 'snapshots', `${snapshotId}.raw`);
}

/**
 * The bytes of volumes and snapshots on disk. Holes stay holes, so that a large empty disk costs nothing; which blocks
 * were written is remembered apart, as a block that was written with zeros is no hole to EBS.
 */
export class BlockFiles {
  readonly #dataDir: string;
  /** By the id of the volume or snapshot. */
  readonly #written = new Map<string, WrittenBlocks>();
  #writes = 0;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  async createVolume(volumeId: string, sizeGiB: number, snapshotId?: string): Promise<void> {
    this.#written.set(volumeId, this.#copyOfWritten(snapshotId));
    await this.#create(volumeFilePath(this.#dataDir, volumeId), sizeGiB, snapshotId);
  }

  async createSnapshot(snapshotId: string, volumeId: string): Promise<void> {
    const path = snapshotFilePath(this.#dataDir, snapshotId);
    await mkdir(dirname(path), { recursive: true });
    // What is written during the copy counts as written after it, and is a change of the next snapshot.
    this.#written.set(snapshotId, this.#copyOfWritten(volumeId));
    await copySparse(volumeFilePath(this.#dataDir, volumeId), path);
  }

  /** Creates a snapshot whose blocks are to be written, on top of those of its parent. */
  async startSnapshot(snapshotId: string, sizeGiB: number, parentId?: string): Promise<void> {
    this.#written.set(snapshotId, this.#copyOfWritten(parentId));
    await this.#create(snapshotFilePath(this.#dataDir, snapshotId), sizeGiB, parentId);
  }

  async resizeVolume(volumeId: string, sizeGiB: number): Promise<void> {
    await truncate(volumeFilePath(this.#dataDir, volumeId), sizeGiB * gibibyte);
  }

  writtenBlocks(id: string): WrittenBlocks {
    const written = this.#written.get(id);
    if (written === undefined) throw new Error(`nothing is known of the blocks of ${id}`);
    return written;
  }

  bytesWritten(id: string): number {
    return this.writtenBlocks(id).count * blockBytes;
  }

  async readSnapshotBlock(snapshotId: string, index: number): Promise<Uint8Array> {
    await using file = await open(snapshotFilePath(this.#dataDir, snapshotId));
    const { buffer } = await file.read(Buffer.alloc(blockBytes), 0, blockBytes, index * blockBytes);
    return buffer;
  }

  /** Writes a block in one step: of two writes that overlap the later one wins as a whole. */
  writeSnapshotBlock(snapshotId: string, index: number, bytes: Uint8Array): void {
    const file = openSync(snapshotFilePath(this.#dataDir, snapshotId), 'r+');
    try {
      writeSync(file, bytes, 0, bytes.length, index * blockBytes);
    } finally {
      closeSync(file);
    }
    this.#markWritten(snapshotId, index, index);
  }

  #copyOfWritten(id: string | undefined): WrittenBlocks {
    return id === undefined ? new WrittenBlocks() : this.writtenBlocks(id).copy();
  }

  async #create(path: string, sizeGiB: number, snapshotId: string | undefined): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    if (snapshotId) await copySparse(snapshotFilePath(this.#dataDir, snapshotId), path);
    else await writeFile(path, '');
    await truncate(path, sizeGiB * gibibyte);
  }

  #markWritten(id: string, first: number, last: number): void {
    this.#writes += 1;
    const written = this.writtenBlocks(id);
    for (let index = first; index <= last; index += 1) written.put(index, this.#writes);
  }

  /** Reads bytes of a volume; fewer where it ends. */
  async readVolume(volumeId: string, offset: number, length: number): Promise<Uint8Array> {
    await using file = await open(volumeFilePath(this.#dataDir, volumeId));
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  }

  async digestVolume(volumeId: string, offset: number, length: number): Promise<VolumeDigest> {
    await using file = await open(volumeFilePath(this.#dataDir, volumeId));
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(readBytes);
    let done = 0;
    let hashed = 0;
    while (done < length) {
      const wanted = Math.min(readBytes, length - done);
      const { bytesRead } = await file.read(buffer, 0, wanted, offset + done);
      if (bytesRead === 0) break;
      const content = withoutZerosAtEnd(buffer.subarray(0, bytesRead));
      if (content.length > 0) {
        for (; hashed < done; hashed += readBytes) hash.update(zeros.subarray(0, done - hashed));
        hash.update(content);
        hashed = done + content.length;
      }
      done += bytesRead;
    }
    return { sha256: hash.digest('hex'), length: done };
  }

  async writeVolume(volumeId: string, offset: number, bytes: Uint8Array): Promise<void> {
    await using file = await open(volumeFilePath(this.#dataDir, volumeId), 'r+');
    await file.write(bytes, 0, bytes.length, offset);
    const end = offset + bytes.length;
    if (end > offset)
      this.#markWritten(volumeId, Math.floor(offset / blockBytes), Math.ceil(end / blockBytes) - 1);
  }

  /** Discards bytes of a volume, which read as zeros from then on; blocks that lie within are no longer written ones. */
  async trimVolume(volumeId: string, offset: number, length: number): Promise<void> {
    const { size } = await stat(volumeFilePath(this.#dataDir, volumeId));
    const end = Math.min(offset + length, size);
    await this.writeVolume(volumeId, offset, Buffer.alloc(Math.max(0, end - offset)));
    const written = this.writtenBlocks(volumeId);
    for (let index = Math.ceil(offset / blockBytes); (index + 1) * blockBytes <= end; index += 1)
      written.remove(index);
  }

  async removeVolume(volumeId: string): Promise<void> {
    this.#written.delete(volumeId);
    await rm(volumeFilePath(this.#dataDir, volumeId), { force: true });
  }

  async removeSnapshot(snapshotId: string): Promise<void> {
    this.#written.delete(snapshotId);
    await rm(snapshotFilePath(this.#dataDir, snapshotId), { force: true });
  }
}

/** Most of a disk is zeros, and looking for another byte takes a tenth of the time that hashing them does. */
export function withoutZerosAtEnd(bytes: Buffer): Buffer {
  let end = bytes.length;
  for (let block = zeros.length; block > 0; block >>>= 2)
    while (end >= block && zeros.compare(bytes, end - block, end, 0, block) === 0) end -= block;
  return bytes.subarray(0, end);
}

/** Copies with cp, as Node cannot find a file's holes; both systems' cp can also share blocks. */
async function copySparse(from: string, to: string): Promise<void> {
  const keepHoles = process.platform === 'darwin' ? ['-c'] : ['--sparse=always', '--reflink=auto'];
  await run('cp', [...keepHoles, from, to]);
}
