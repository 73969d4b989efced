import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, open, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const gibibyte = 1024 ** 3;
const readBytes = 2 ** 22;

/** SHA-256 of a stretch of a volume, in hex; the stretch is shorter where the volume ends. */
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

/** The bytes of volumes and snapshots on disk. Holes stay holes, so that a large empty disk costs nothing. */
export class BlockFiles {
  readonly #dataDir: string;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  async createVolume(volumeId: string, sizeGiB: number, snapshotId?: string): Promise<void> {
    const path = volumeFilePath(this.#dataDir, volumeId);
    await mkdir(dirname(path), { recursive: true });
    if (snapshotId) await copySparse(snapshotFilePath(this.#dataDir, snapshotId), path);
    else await writeFile(path, '');
    await truncate(path, sizeGiB * gibibyte);
  }

  async createSnapshot(snapshotId: string, volumeId: string): Promise<void> {
    const path = snapshotFilePath(this.#dataDir, snapshotId);
    await mkdir(dirname(path), { recursive: true });
    await copySparse(volumeFilePath(this.#dataDir, volumeId), path);
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
    while (done < length) {
      const wanted = Math.min(readBytes, length - done);
      const { bytesRead } = await file.read(buffer, 0, wanted, offset + done);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      done += bytesRead;
    }
    return { sha256: hash.digest('hex'), length: done };
  }

  async writeVolume(volumeId: string, offset: number, bytes: Uint8Array): Promise<void> {
    await using file = await open(volumeFilePath(this.#dataDir, volumeId), 'r+');
    await file.write(bytes, 0, bytes.length, offset);
  }

  async removeVolume(volumeId: string): Promise<void> {
    await rm(volumeFilePath(this.#dataDir, volumeId), { force: true });
  }

  async removeSnapshot(snapshotId: string): Promise<void> {
    await rm(snapshotFilePath(this.#dataDir, snapshotId), { force: true });
  }
}

/** Copies with cp, as Node cannot find a file's holes; both systems' cp can also share blocks. */
async function copySparse(from: string, to: string): Promise<void> {
  const keepHoles = process.platform === 'darwin' ? ['-c'] : ['--sparse=always', '--reflink=auto'];
  await run('cp', [...keepHoles, from, to]);
}
