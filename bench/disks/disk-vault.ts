import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PointReader, Root } from '@holdfast/engine';
import type { BackupType } from '@holdfast/engine/model';
import { openPointImage, type PointImage } from '@holdfast/image-files';
import { createLocalVault, openLocalVault } from '@holdfast/node';
import type { Command } from '../child.ts';
import { backUpVolume } from '../images/back-up-volume.ts';
import type { FileVolume } from './file-volume.ts';

const program = join(import.meta.dirname, '..', '..', 'packages', 'cli', 'bin', 'holdfast.js');
/** The machine's name of the volume. */
export const device = '/dev/xvda';

function recordOf(volume: FileVolume, snapshot: string) {
  return {
    volume: 'vol-1',
    snapshot,
    device,
    sizeGiB: Math.ceil(volume.bytes / 2 ** 30),
    volumeType: 'gp3',
    encrypted: false,
    availabilityZone: 'us-east-1a',
    tags: {},
  };
}

/** A vault in a directory, with points of one volume. */
export class DiskVault {
  readonly #options;
  readonly #volume: FileVolume;

  private constructor(directory: string, volume: FileVolume) {
    this.#options = { root: join(directory, 'vault'), keyFile: join(directory, 'key') };
    this.#volume = volume;
  }

  static async make(directory: string, volume: FileVolume): Promise<DiskVault> {
    mkdirSync(directory, { recursive: true });
    const vault = new DiskVault(directory, volume);
    await createLocalVault(vault.#options);
    return vault;
  }

  async backUp(type: BackupType, snapshot: string): Promise<Root> {
    const { services, close } = await openLocalVault(this.#options);
    try {
      this.#volume.takeSnapshot(snapshot);
      const image = { snapshots: [recordOf(this.#volume, snapshot)] };
      return (await backUpVolume(services, { type, source: this.#volume, snapshot, image })).root;
    } finally {
      close();
    }
  }

  /** A command of the program. */
  command(name: string, ...args: readonly string[]): Command {
    const { root, keyFile } = this.#options;
    return { args: [process.execPath, program, name, ...args, '--vault', root, '--key-file', keyFile] };
  }

  /** The program with the vault's bucket and key alone. */
  extract(...args: readonly string[]): Command {
    const { root, keyFile } = this.#options;
    return {
      args: [process.execPath, program, 'extract', join(root, 'vault'), ...args, '--key-file', keyFile],
    };
  }
}

/** The blocks that are read out of a snapshot for work with its files. */
export async function countBlocks(
  volume: FileVolume,
  snapshot: string,
  work: (image: PointImage) => Promise<unknown>,
): Promise<number> {
  const before = volume.reads;
  const root = { image: { snapshots: [recordOf(volume, snapshot)] } };
  await work(openPointImage({ root } as PointReader, { openSnapshots: async () => Promise.resolve(volume) }));
  return volume.reads - before;
}
