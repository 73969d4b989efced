/** Parts that need Node but not AWS: directories as sources, targets and stores, SQLite catalogs, worker threads. */
export { DirectoryTarget, type DirectoryTargetOptions } from './target/directory-target.ts';
export {
  type ExtraEntry,
  findExtraEntries,
  removeExtraEntries,
  type RemovedExtra,
} from './target/extra-entries.ts';
export { type ImageFormat, imageFormats } from './target/convert-image.ts';
export { type DiskImageOutcome, restoreDiskImage } from './restore-disk-image.ts';
export { FileContainer } from './store/file-container.ts';
export { FileKeyring } from './store/file-keyring.ts';
export { FilesystemObjectStore, type FilesystemObjectStoreOptions } from './store/filesystem-object-store.ts';
export { interruptProcess } from './store/process-mark.ts';
export { systemClock, systemRandom } from './system-ports.ts';
export { DirectorySource } from './source/directory-source.ts';
export { backUpDirectory, type BackUpDirectoryOptions, directoryArn } from './workers/back-up-directory.ts';
export {
  createLocalVault,
  hasLocalVault,
  localCaller,
  localPlan,
  type LocalVault,
  type LocalVaultOptions,
  openLocalVault,
} from './local-vault.ts';
export { type LocalMaintenance, maintainLocalVault } from './maintain-local-vault.ts';
export { restoreDirectory, type RestoreDirectoryOptions } from './workers/restore-directory.ts';

// What only tests and benchmarks of the repository take
/** @internal */
export { createKeyFile } from './store/file-keyring.ts';
