import { execFile } from 'node:child_process';
import { mkdir, open, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const gibibyte = 1024 ** 3;

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
