import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Command } from './child.ts';

export const peerNames = ['restic', 'kopia', 'borg', 'rustic'] as const;
export type PeerName = (typeof peerNames)[number];
export const programNames = ['holdfast', ...peerNames] as const;
export type ProgramName = (typeof programNames)[number];

export const scratchDirectory = join(import.meta.dirname, '..', '.bench');
/** Programs that `get-peers.ts` built; the others are looked for on the PATH. */
export const peersDirectory = join(scratchDirectory, 'peers');
export const programPath = `${join(peersDirectory, 'bin')}:${process.env['PATH']}`;

export interface BucketStore {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A directory of this machine, or a bucket. */
export type Store = string | BucketStore;

/** A new store in the form of one program, which keeps everything else in a directory of its own. */
export interface Repository {
  readonly init: readonly Command[];
  backUp(directory: string, name: string): Command;
  /** Id of the recovery point that a backup has just made, from what it printed. */
  pointOf(output: string, name: string): string;
  /** Puts what a directory had in it into an empty one. */
  restore(point: string, directory: string, target: string): Command;
  /** Puts one file of it somewhere below an empty directory. */
  restoreFile(point: string, directory: string, path: string, target: string): Command;
}

export interface Program {
  readonly name: ProgramName;
  readonly title: string;
  /** Settings other than its defaults, for the table's note. */
  readonly settings: string;
  readonly version: string;
  /** @returns `undefined` where it cannot write to such a store. */
  open(store: Store, at: string): Repository | undefined;
}

type Peer = Omit<Program, 'name' | 'version'>;

const password = 'benchmark';

function environmentIn(at: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: programPath,
    HOME: at,
    XDG_CACHE_HOME: join(at, 'cache'),
    XDG_CONFIG_HOME: join(at, 'config'),
    ...more,
  };
}

function credentialsFor(store: Store): Record<string, string> {
  if (typeof store === 'string') return {};
  return {
    AWS_ACCESS_KEY_ID: store.accessKeyId,
    AWS_SECRET_ACCESS_KEY: store.secretAccessKey,
    AWS_REGION: store.region,
  };
}

const restic: Peer = {
  title: 'restic',
  settings: '`--compression fastest`',
  open(store, at) {
    const environment = environmentIn(at, { RESTIC_PASSWORD: password, ...credentialsFor(store) });
    const place = typeof store === 'string' ? store : `s3:${store.endpoint}/${store.bucket}`;
    const command = (...args: string[]): Command => ({
      args: ['restic', '--quiet', '--repo', place, ...args],
      environment,
    });
    return {
      init: [command('init', '--repository-version', '2')],
      backUp: (directory) => command('backup', '--json', '--compression', 'fastest', directory),
      pointOf: (output) =>
        (JSON.parse(output.trim().split('\n').at(-1) ?? '') as { snapshot_id: string }).snapshot_id,
      restore: (point, directory, target) => command('restore', `${point}:${directory}`, '--target', target),
      restoreFile: (point, directory, path, target) => {
        const parent = dirname(join(directory, path));
        return command(
          'restore',
          `${point}:${parent}`,
          '--include',
          `/${basename(path)}`,
          '--target',
          target,
        );
      },
    };
  },
};

const kopia: Peer = {
  title: 'Kopia',
  settings: '`--compression zstd-fastest`',
  open(store, at) {
    const environment = environmentIn(at, {
      KOPIA_PASSWORD: password,
      KOPIA_CHECK_FOR_UPDATES: 'false',
      ...credentialsFor(store),
    });
    const command = (...args: string[]): Command => ({
      args: ['kopia', '--no-progress', ...args],
      environment,
    });
    const create =
      typeof store === 'string'
        ? ['filesystem', '--path', store]
        : [
            's3',
            '--bucket',
            store.bucket,
            '--endpoint',
            new URL(store.endpoint).host,
            '--region',
            store.region,
            '--disable-tls',
          ];
    return {
      init: [
        command('repository', 'create', ...create),
        command('policy', 'set', '--global', '--compression', 'zstd-fastest'),
      ],
      backUp: (directory) => command('snapshot', 'create', directory, '--json'),
      pointOf: (output) => (JSON.parse(output) as { rootEntry: { obj: string } }).rootEntry.obj,
      restore: (point, _, target) => command('restore', point, target),
      restoreFile: (point, _, path, target) =>
        command('restore', `${point}/${path}`, join(target, basename(path))),
    };
  },
};

const borg: Peer = {
  title: 'BorgBackup',
  settings: '`--encryption repokey`, `--compression zstd,1`',
  open(store, at) {
    if (typeof store !== 'string') return undefined;
    const environment = environmentIn(at, { BORG_PASSPHRASE: password });
    const command = (...args: string[]): Command => ({ args: ['borg', ...args], environment });
    const extract = (point: string, path: string, keptFrom: string, target: string): Command => {
      mkdirSync(target, { recursive: true });
      const parents = keptFrom.split('/').filter(Boolean).length;
      const args = ['extract', '--strip-components', String(parents), `${store}::${point}`, path.slice(1)];
      return { ...command(...args), cwd: target };
    };
    return {
      init: [command('init', '--encryption', 'repokey', store)],
      backUp: (directory, name) =>
        command('create', '--compression', 'zstd,1', `${store}::${name}`, directory),
      pointOf: (_, name) => name,
      restore: (point, directory, target) => extract(point, directory, directory, target),
      restoreFile: (point, directory, path, target) => {
        const file = join(directory, path);
        return extract(point, file, dirname(file), target);
      },
    };
  },
};

const rustic: Peer = {
  title: 'rustic',
  settings: '`--set-compression 1`',
  open(store, at) {
    const options =
      typeof store === 'string'
        ? [`repository = "${store}"`]
        : [
            'repository = "opendal:s3"',
            '[repository.options]',
            `endpoint = "${store.endpoint}"`,
            `bucket = "${store.bucket}"`,
            `region = "${store.region}"`,
          ];
    // Read from the directory that it runs in.
    writeFileSync(
      join(at, 'rustic.toml'),
      ['[repository]', `password = "${password}"`, ...options, ''].join('\n'),
    );
    const environment = environmentIn(at, credentialsFor(store));
    const command = (...args: string[]): Command => ({
      args: ['rustic', '--no-progress', '--log-level', 'warn', ...args],
      environment,
      cwd: at,
    });
    return {
      init: [command('init', '--set-compression', '1')],
      backUp: (directory) => command('backup', '--json', directory),
      pointOf: (output) => (JSON.parse(output) as { id: string }).id,
      restore: (point, directory, target) => command('restore', `${point}:${directory}`, target),
      restoreFile: (point, directory, path, target) =>
        command('restore', `${point}:${join(directory, path)}`, join(target, basename(path))),
    };
  },
};

const peers: Readonly<Record<PeerName, Peer>> = { restic, kopia, borg, rustic };

/** The peers of some names that are here; `missing` takes the others' names. */
export function findPeers(names: readonly PeerName[], missing: (name: PeerName) => void): Program[] {
  return names.flatMap((name) => {
    const version = versionOf(name);
    if (version === undefined) missing(name);
    return version === undefined ? [] : [{ name, version, ...peers[name] }];
  });
}

function versionOf(name: PeerName): string | undefined {
  const argument = name === 'restic' ? 'version' : '--version';
  try {
    const said = execFileSync(name, [argument], {
      encoding: 'utf8',
      env: { ...process.env, PATH: programPath },
    });
    return /\d+\.\d+\.\d+/.exec(said)?.[0];
  } catch {
    return undefined;
  }
}

/**
 * Holdfast as it is published. Its command line writes to directories only; to a bucket the step does that a worker in
 * the cloud runs.
 */
export function holdfast(
  paths: { readonly program: string; readonly s3Step: string },
  version: string,
): Program {
  return {
    name: 'holdfast',
    title: 'Holdfast',
    settings: '`--compression fast`',
    version,
    open(store, at) {
      const key = join(at, 'key');
      if (typeof store !== 'string') {
        const environment = environmentIn(at, { AWS_ENDPOINT_URL: store.endpoint, ...credentialsFor(store) });
        const command = (...args: string[]): Command => ({
          args: [process.execPath, paths.s3Step, store.bucket, at, ...args],
          environment,
        });
        return {
          init: [command('init')],
          backUp: (directory, name) => command('backup', directory, name),
          pointOf: (_, name) => name,
          restore: (point, _, target) => command('restore', target, point),
          restoreFile: (point, _, path, target) => command('restore', target, point, path),
        };
      }
      const environment = environmentIn(at);
      const command = (...args: string[]): Command => ({
        args: [process.execPath, paths.program, ...args, '--vault', store, '--key-file', key],
        environment,
      });
      return {
        init: [command('init')],
        backUp: (directory) => command('backup', '--json', '--compression', 'fast', '--directory', directory),
        pointOf: (output) => (JSON.parse(output) as { point: { pointId: string } }).point.pointId,
        restore: (point, _, target) => command('restore', point, '--to-directory', target),
        restoreFile: (point, _, path, target) =>
          command('restore', point, '--path', path, '--to-directory', target),
      };
    },
  };
}
