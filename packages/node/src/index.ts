/** What needs Node but not AWS: directories as sources, targets and stores, SQLite catalogs, worker threads. */
export { DirectorySource, type DirectorySourceOptions } from './source/directory-source.ts';
export { DirectoryTarget, type DirectoryTargetOptions } from './target/directory-target.ts';
export { DirectoryWorkStore } from './store/directory-work-store.ts';
export { FileContainer } from './store/file-container.ts';
export { createKeyFile, FileKeyring } from './store/file-keyring.ts';
export { FilesystemObjectStore, type FilesystemObjectStoreOptions } from './store/filesystem-object-store.ts';
export { SqliteCatalog } from './catalog/sqlite-catalog.ts';
export { SqliteChunkIndex } from './catalog/sqlite-chunk-index.ts';
export { interruptProcess } from './store/process-mark.ts';
export { systemClock, systemRandom } from './system-ports.ts';
export { type PoolOptions, runPool, WorkerDiedError } from './workers/worker-pool.ts';
export { serveTasks } from './workers/worker-tasks.ts';
export { backUpDirectory, type BackUpDirectoryOptions, directoryArn } from './workers/back-up-directory.ts';
export {
  createLocalVault,
  hasLocalVault,
  localCaller,
  type LocalVault,
  type LocalVaultOptions,
  openLocalVault,
} from './local-vault.ts';
export { type LocalMaintenance, maintainLocalVault } from './maintain-local-vault.ts';
export { restoreDirectory, type RestoreDirectoryOptions } from './workers/restore-directory.ts';
