import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import {
  type ContainerBytes,
  InvalidInputError,
  type Keyring,
  type ObjectStore,
  OfflineKeyring,
} from '@holdfast/engine';
import { FileContainer, FileKeyring, FilesystemObjectStore, systemRandom } from '@holdfast/node';
import type { CommandContext } from '../terminal/command.ts';
import { thawNeeded } from './archived-point.ts';
import { UsageError } from '../terminal/errors.ts';

/** Source of extracted points: a vault, or a container by itself. */
export type ExtractSource =
  /** A vault: `bucket` names one in S3, `directory` a copy of one. */
  | { readonly store: ObjectStore; readonly bucket?: string; readonly directory?: string }
  | { readonly container: ContainerBytes; readonly close: () => Promise<void> };

/** Options that name the source's key, where neither `--key-file` nor KMS opens it. */
export interface OfflineKeyOptions {
  readonly offlineKey?: string | undefined;
  readonly passphraseEnv?: string | undefined;
}

/**
 * Opens a source, which is never written to: `s3://bucket`, `s3://bucket/<container>`, a directory copy of a bucket, or
 * a container's file.
 * @throws {@link UsageError} it is none of them.
 * @throws {@link ThawNeededError} the container has to be thawed first.
 */
export async function openExtractSource(
  source: string,
  { connectStorage, clock }: CommandContext,
): Promise<ExtractSource> {
  const inS3 = /^s3:\/\/([^/]+)\/?(.*)$/s.exec(source);
  if (inS3 !== null) {
    const [, bucket = '', key = ''] = inS3;
    const store = (await connectStorage()).openBucket(bucket);
    return key === ''
      ? { store, bucket }
      : { container: await objectContainer(store, bucket, key), close: async () => {} };
  }
  const stats = statSync(source, { throwIfNoEntry: false });
  if (stats === undefined)
    throw new UsageError(
      `"${source}" does not exist; name a vault as s3://<bucket>, a directory copy of one, or a container's file`,
    );
  if (stats.isDirectory())
    return {
      store: new FilesystemObjectStore({ root: source, clock, random: systemRandom }),
      directory: source,
    };
  const container = await FileContainer.open(source);
  return { container, close: async () => container.close() };
}

async function objectContainer(store: ObjectStore, bucket: string, name: string): Promise<ContainerBytes> {
  const { bytes, versionId, storageClass = '', thaw } = await store.head(name);
  if (thaw !== undefined && thaw.state !== 'thawed')
    throw thawNeeded({ bucket, objectName: name, versionId, storageClass, state: thaw.state });
  return {
    bytes,
    read: async (range, signal) => store.get(name, { versionId, range, signal }),
  };
}

/**
 * The keyring that the options name; KMS without any.
 * @throws {@link UsageError} they contradict each other.
 * @throws {@link InvalidInputError} a file is missing or no such key.
 */
export async function openKeyring(
  options: OfflineKeyOptions,
  { connectStorage, env, keyFile }: CommandContext,
): Promise<Keyring> {
  const { offlineKey, passphraseEnv: variable } = options;
  if (keyFile !== undefined && offlineKey !== undefined)
    throw new UsageError('give --key-file or --offline-key, not both');
  if (variable !== undefined && offlineKey === undefined)
    throw new UsageError('--passphrase-env belongs to --offline-key');
  if (keyFile !== undefined) return FileKeyring.open(keyFile, systemRandom);
  if (offlineKey === undefined) return (await connectStorage()).keyring;
  const passphrase = variable === undefined ? undefined : env[variable];
  if (variable !== undefined && passphrase === undefined)
    throw new UsageError(`the variable ${variable} is not set; put the passphrase of ${offlineKey} into it`);
  return OfflineKeyring.open(readPem(offlineKey), passphrase);
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new InvalidInputError(
      `offline key ${basename(path)} cannot be read; name the file of the private key`,
      {
        cause: error,
      },
    );
  }
}
