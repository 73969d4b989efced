/** What needs Node but not AWS: directories as sources, targets and stores, SQLite catalogs, worker threads. */
export { DirectorySource, type DirectorySourceOptions } from './directory-source.ts';
export { DirectoryTarget, type DirectoryTargetOptions } from './directory-target.ts';
export { DirectoryWorkStore } from './directory-work-store.ts';
export { FileContainer } from './file-container.ts';
export { createKeyFile, FileKeyring } from './file-keyring.ts';
export { FilesystemObjectStore, type FilesystemObjectStoreOptions } from './filesystem-object-store.ts';
export { SqliteCatalog } from './sqlite-catalog.ts';
export { SqliteChunkIndex } from './sqlite-chunk-index.ts';
export { systemClock, systemRandom } from './system-ports.ts';
export { type PoolOptions, runPool, WorkerDiedError } from './worker-pool.ts';
export { serveTasks } from './worker-tasks.ts';
export { backUpDirectory, type BackUpDirectoryOptions, directoryArn } from './back-up-directory.ts';
export { type LocalVault, type LocalVaultOptions, openLocalVault } from './local-vault.ts';
export { restoreDirectory, type RestoreDirectoryOptions } from './restore-directory.ts';
