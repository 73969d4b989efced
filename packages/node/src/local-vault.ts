import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import {
  initialiseVault,
  InvalidInputError,
  keysUntil,
  leasePolicyFor,
  leaseUntilFor,
  type AllServices,
  type PagePackReaderPolicy,
} from '@holdfast/engine';
import { defaultImageSettings, type Plan, RetentionRules } from '@holdfast/engine/model';
import { DirectoryWorkStore } from './store/directory-work-store.ts';
import { createKeyFile, FileKeyring } from './store/file-keyring.ts';
import { FilesystemObjectStore } from './store/filesystem-object-store.ts';
import { isWithin } from './source/directory-identity.ts';
import { makeDirectories } from './target/make-directories.ts';
import { SqliteCatalog } from './catalog/sqlite-catalog.ts';
import { SqliteChunkIndex } from './catalog/sqlite-chunk-index.ts';
import { systemClock, systemRandom } from './system-ports.ts';

/** Location of a vault on this machine, in plain values so that a worker thread can open the same vault. */
export interface LocalVaultOptions {
  /** Directory of the vault's objects, and beside them the catalog, the index and scratch space. */
  readonly root: string;
  /** File with the 32 bytes that wrap the vault's keys; see `createKeyFile`. Keep it elsewhere: it opens everything. */
  readonly keyFile: string;
  /** Has every object on the disk before it counts as stored. @default true */
  readonly durable?: boolean;
}

export interface LocalVault {
  readonly services: AllServices & { readonly work: DirectoryWorkStore };
  /** Tidies the index up while others write into it, so that little is left to do at the end. */
  readonly checkpoint: () => void;
  readonly close: () => void;
}

/**
 * The plan of points of directories. Each backup sets for how long its point is kept; beyond that, the newest clean
 * point of a directory stays, so that a directory that is no longer backed up does not lose its last one.
 */
export const localPlan: Plan = {
  name: 'local',
  schedules: {},
  retention: RetentionRules.parse({ keepDays: 1, minimumPoints: 1 }),
  rpoHours: 24,
  readTags: false,
  prefixes: [],
  compression: 'default',
  images: defaultImageSettings,
  shard: { files: 4_000, bytes: 96 * 2 ** 20 },
};

/**
 * Caches of a reader of pages, of which every thread has one: a disk answers at once, and pages are read in order, those of
 * a shard twice.
 */
export const localPages: PagePackReaderPolicy = {
  pageCacheBytes: 4 * 2 ** 20,
  stretchCacheBytes: 2 ** 20,
  firstStretchBytes: 64 * 2 ** 10,
  maxStretchBytes: 256 * 2 ** 10,
};

/** User of the vault, as its audit log names them. */
export function localCaller(): string {
  return `${userName()}@${hostname()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a user that no list names.
    return `user ${process.getuid?.()}`;
  }
}

export function hasLocalVault(root: string): boolean {
  return existsSync(join(root, 'vault', 'format.json'));
}

/**
 * Makes a vault in a directory, and the key file if there is none. Can be repeated after an interruption.
 * @throws {@link InvalidInputError} the directory has something else in it, or a vault already, or the key would lie in
 *   it.
 */
export async function createLocalVault(options: LocalVaultOptions): Promise<{ readonly keyMade: boolean }> {
  const { root, keyFile } = options;
  if (hasLocalVault(root))
    throw new InvalidInputError(`${JSON.stringify(root)} has a vault already; use that one`);
  const foreign = existsSync(root) ? readdirSync(root).find((name) => !isOfVault(name)) : undefined;
  if (foreign !== undefined)
    throw new InvalidInputError(
      `${JSON.stringify(root)} is not empty, ${JSON.stringify(foreign)} is in it; name an empty or a new directory`,
    );
  makeDirectories(root);
  // Names of directories and times are private, too.
  chmodSync(root, 0o700);
  if (isWithin(dirname(resolve(keyFile)), root))
    throw new InvalidInputError(
      `key file ${keyFile} would lie in the vault, and every copy of the vault could be read with it; put it elsewhere`,
    );
  const keyMade = !existsSync(keyFile);
  if (keyMade) await createKeyFile(keyFile, systemRandom);
  const { services, close } = await openLocalVault(options);
  try {
    const keepDays = 35;
    const policy = leasePolicyFor(keepDays);
    const { until } = keysUntil(leaseUntilFor(systemClock.now(), keepDays, policy), policy);
    await initialiseVault({ ...services, lock: { mode: services.lockMode, until } });
  } finally {
    close();
  }
  return { keyMade };
}

function isOfVault(name: string): boolean {
  return /^(vault|work|(catalog|chunk-index)\.sqlite.*)$/.test(name);
}

/** Opens a vault, and makes its directory if need be. Any number of threads may have it open. */
export async function openLocalVault({
  root,
  keyFile,
  durable = true,
}: LocalVaultOptions): Promise<LocalVault> {
  makeDirectories(root);
  const catalog = new SqliteCatalog(join(root, 'catalog.sqlite'));
  const index = new SqliteChunkIndex(join(root, 'chunk-index.sqlite'));
  const services: LocalVault['services'] = {
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
