import { hostname } from 'node:os';
import { InvalidInputError, NotSupportedError, UnknownNameError } from '@holdfast/engine';
import { productVersion } from '@holdfast/engine/model';
import {
  hasLocalVault,
  interruptProcess,
  localCaller,
  openLocalVault,
  type LocalVaultOptions,
} from '@holdfast/node';
import { UsageError } from '../terminal/errors.ts';
import type { Connection, ConnectOptions } from './connection.ts';

const isDirectory = 'a vault in a directory has no state machines';

async function refuseTags(): Promise<never> {
  throw new InvalidInputError(
    'a vault in a directory takes directories, which need no tag; back one up with "holdfast backup --directory"',
  );
}

async function refuse(): Promise<never> {
  throw new InvalidInputError(`${isDirectory}; name a deployment instead of --vault for that`);
}

/**
 * The vault in a directory that the options name; it need not be there.
 * @throws {@link UsageError} they name none, or not its key, or something else than a directory.
 */
export function localVaultOf({ vault, keyFile }: ConnectOptions): LocalVaultOptions {
  if (vault === undefined || vault === '')
    throw new UsageError('name the directory of the vault with --vault, or in HOLDFAST_VAULT');
  if (/^\w+:\/\//.test(vault))
    throw new UsageError(
      `--vault "${vault}" is no directory. Only the functions of a deployment write to a vault in S3: its policy refuses ` +
        'everybody else, and two machines with a catalog each would sweep what the other one needs; name a directory, ' +
        'or read that vault with --vault-bucket or "holdfast extract"',
    );
  if (keyFile === undefined || keyFile === '')
    throw new UsageError(`name the key of the vault "${vault}" with --key-file, or in HOLDFAST_KEY_FILE`);
  return { root: vault, keyFile };
}

/**
 * Connects to a vault in a directory as to a deployment; commands that need no state machine work as there.
 * @throws {@link UnknownNameError} there is no vault.
 */
export async function connectLocalVault(options: ConnectOptions): Promise<Connection> {
  const localVault = localVaultOf(options);
  const { root, keyFile } = localVault;
  if (!hasLocalVault(root))
    throw new UnknownNameError(
      `"${root}" has no vault; make one with "holdfast init --vault ${root} --key-file ${keyFile}", or name another one`,
    );
  const { services, close } = await openLocalVault(localVault);
  return {
    services,
    openChunkIndex: async () => services.index,
    openWork: () => services.work,
    openTarget: (bucket) => {
      throw new NotSupportedError(`bucket ${bucket} is not written to from a vault in a directory`);
    },
    executions: {
      start: refuse,
      find: refuse,
      get: refuse,
      findParts: async () => undefined,
      stop: async (execution) => {
        if (interruptProcess(execution)) return;
        throw new InvalidInputError('the run is of another machine; stop its process there');
      },
      list: async (machine) => {
        // Nothing sweeps but this program.
        if (machine === 'maintenance') return [];
        throw new UnknownNameError(isDirectory);
      },
    },
    snapshots: { describeSnapshots: async () => [] },
    sources: {
      kindOf: () => undefined,
      openFiles: ({ arn }) => {
        throw new NotSupportedError(`${arn} cannot be read by its name; name it with --directory`);
      },
      listVolumes: async () => [],
      findUsedBytes: async () => new Map(),
    },
    tags: { arnOf: refuseTags, look: refuseTags, put: refuseTags },
    inventory: {
      list: () => {
        throw new InvalidInputError(
          'a vault in a directory has no account; name a deployment instead of --vault for that',
        );
      },
      findOwn: async () => new Set(),
    },
    deployment: {
      vaultBucket: root,
      region: hostname(),
      findPlans: async () => undefined,
      findSources: async () => undefined,
      findRestoreBuckets: async () => undefined,
      listOwnBuckets: async () => [],
      findVersion: async () => productVersion,
      findWorkers: async () => undefined,
      findBlockQuota: async () => undefined,
      readBlockQuotas: refuse,
      stacks: ['', '', ''],
      findTemplate: refuse,
      listPhysicalIds: refuse,
      findPlace: refuse,
      openRoles: refuse,
      readFunctionsAtOnce: refuse,
      readSubscriptions: async () => undefined,
      readProtection: async () => [],
      findCaller: async () => localCaller(),
    },
    localVault,
    close,
  };
}
