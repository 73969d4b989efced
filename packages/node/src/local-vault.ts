import { join } from 'node:path';
import type { WriteServices } from '@holdfast/engine';
import { DirectoryWorkStore } from './store/directory-work-store.ts';
import { FileKeyring } from './store/file-keyring.ts';
import { FilesystemObjectStore } from './store/filesystem-object-store.ts';
import { makeDirectories } from './target/make-directories.ts';
import { SqliteCatalog } from './catalog/sqlite-catalog.ts';
import { SqliteChunkIndex } from './catalog/sqlite-chunk-index.ts';
import { systemClock, systemRandom } from './system-ports.ts';

/** Where a vault on this machine lies. Plain values, so that a worker thread can open the same vault. */
export interface LocalVaultOptions {
  /** Directory of the vault's objects, and beside them the catalog, the index and scratch space. */
  readonly root: string;
  /** File with the 32 bytes that wrap the vault's keys; see `createKeyFile`. Keep it elsewhere: it opens everything. */
  readonly keyFile: string;
  /** Whether every object is on the disk before it counts as stored. @default true */
  readonly durable?: boolean;
}

/** A vault in a directory of this machine, with all that writing into it needs. */
export interface LocalVault {
  readonly services: WriteServices;
  /** Tidies the index up while others write into it, so that little is left to do at the end. */
  readonly checkpoint: () => void;
  /** Closes the catalog and the index. */
  readonly close: () => void;
}

/** Opens a vault in a directory, and makes the directory if need be. Any number of threads may have it open. */
export async function openLocalVault({
  root,
  keyFile,
  durable = true,
}: LocalVaultOptions): Promise<LocalVault> {
  makeDirectories(root);
  const catalog = new SqliteCatalog(join(root, 'catalog.sqlite'));
  const index = new SqliteChunkIndex(join(root, 'chunk-index.sqlite'));
  const services: WriteServices = {
    store: new FilesystemObjectStore({
      root: join(root, 'vault'),
      clock: systemClock,
      random: systemRandom,
      durable,
    }),
    keyring: await FileKeyring.open(keyFile, systemRandom),
    catalog,
    index,
    work: new DirectoryWorkStore(join(root, 'work')),
    clock: systemClock,
    random: systemRandom,
    lockMode: 'governance',
  };
  return {
    services,
    checkpoint: () => index.checkpoint(),
    close: () => {
      catalog.close();
      index.close();
    },
  };
}
