import { hash } from 'node:crypto';
import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import { compareBytes, equalBytes, fromHex, toHex } from '../bytes.ts';
import {
  FormatVersionError,
  ObjectExistsError,
  ObjectNotFoundError,
  StoredBytesDamagedError,
  StoreUnavailableError,
} from '../errors.ts';
import type { KeyId, PointId, ResourceArn } from '../ids.ts';
import { rootObjectId, type VaultKeys } from '../keys/vault-keys.ts';
import { FrameCipher } from '../packs/frame-cipher.ts';
import { decodeContent, encodeContent } from '../packs/frame-codec.ts';
import { maxPlainBytes } from '../packs/frame.ts';
import { parseObjectName, rootName } from '../packs/object-names.ts';
import { defaultRetryPolicy, retryUnavailable } from '../packs/retry.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectLock, ObjectStore } from '../ports/object-store.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import { compactTime, newPointId, resourceKeyOf } from './point-id.ts';
import { Root } from './root.ts';

const magic = Buffer.from('HFRT\x01\0\0\0', 'latin1');
const headerBytes = 24;
const attempts = 5;

/** A root as the store has it. */
export interface StoredRoot {
  readonly root: Root;
  readonly name: string;
  readonly versionId: string;
  /** SHA-256 of the stored object, in hexadecimal: what the next root of the resource names. */
  readonly sha256: string;
}

/** The bytes of a root's object (docs/format.md, section 9). */
export async function encodeRoot(root: Root, keys: VaultKeys): Promise<Uint8Array> {
  const dataKey = await keys.currentDataKey();
  const { codec, payload } = encodeContent(encode(root, rfc8949EncodeOptions));
  const cipher = new FrameCipher(dataKey.rootKey(root.point), keys.vaultId, rootObjectId(root.point));
  const object = new Uint8Array(headerBytes + payload.length + 64);
  object.set(magic);
  object.set(fromHex(dataKey.keyId), magic.length);
  const length = cipher.seal('root', 0, codec, payload, object, headerBytes);
  return object.slice(0, headerBytes + length);
}

/**
 * Reads a root's object and checks that it is the root of that point, of this vault.
 * @throws {@link StoredBytesDamagedError} it is damaged, or belongs to another point or vault.
 * @throws {@link FormatVersionError} it was written by a later version.
 */
export async function decodeRoot(
  object: Uint8Array,
  pointId: PointId,
  keys: VaultKeys,
  name: string,
): Promise<Root> {
  if (object.length < headerBytes || compareBytes(object.subarray(0, 4), magic.subarray(0, 4)) !== 0) {
    throw new StoredBytesDamagedError(name, 'it does not begin as a root does');
  }
  const version = object[4] ?? 0;
  if (version > 1) throw new FormatVersionError(name, version, 1);
  if (!equalBytes(object.subarray(0, magic.length), magic))
    throw new StoredBytesDamagedError(name, 'its header is malformed');
  const keyId = toHex(object.subarray(magic.length, headerBytes)) as KeyId;
  const dataKey = await loadNamedKey(keys, keyId, name);
  const cipher = new FrameCipher(dataKey.rootKey(pointId), keys.vaultId, rootObjectId(pointId));
  const { codec, payload } = cipher.open('root', 0, object.subarray(headerBytes), name);
  const plain = decodeContent(codec, payload, maxPlainBytes.root, name);
  let record: unknown;
  try {
    record = decode(plain, { strict: true, rejectDuplicateMapKeys: true });
  } catch (error) {
    throw new StoredBytesDamagedError(name, 'it is not CBOR', { cause: error });
  }
  const parsed = Root.safeParse(record);
  if (!parsed.success) throw new StoredBytesDamagedError(name, `it is not a root: ${parsed.error.message}`);
  if (parsed.data.point !== pointId)
    throw new StoredBytesDamagedError(name, `it is the root of ${parsed.data.point}`);
  return parsed.data;
}

/** A header names the key in the clear, so a flipped bit there shows as a key that does not exist. */
async function loadNamedKey(keys: VaultKeys, keyId: KeyId, name: string): ReturnType<VaultKeys['dataKey']> {
  try {
    return await keys.dataKey(keyId);
  } catch (error) {
    if (error instanceof ObjectNotFoundError) {
      throw new StoredBytesDamagedError(name, `it names the key ${keyId}, which the vault does not have`, {
        cause: error,
      });
    }
    throw error;
  }
}

/**
 * Reads one root.
 * @throws {@link ObjectNotFoundError} it is not in the vault (any more).
 * @throws {@link StoredBytesDamagedError} its bytes are damaged.
 */
export async function readRoot(
  store: ObjectStore,
  keys: VaultKeys,
  resourceArn: ResourceArn,
  pointId: PointId,
  versionId?: string,
): Promise<StoredRoot> {
  const name = rootName(resourceKeyOf(resourceArn), pointId);
  const version = versionId ?? (await store.head(name)).versionId;
  const object = await store.get(name, { versionId: version });
  const root = await decodeRoot(object, pointId, keys, name);
  if (root.resource !== resourceArn)
    throw new StoredBytesDamagedError(name, `it is the root of another resource`);
  return { root, name, versionId: version, sha256: hash('sha256', object, 'hex') };
}

/** What writing a root needs. */
export interface PutRootOptions {
  readonly store: ObjectStore;
  readonly keys: VaultKeys;
  readonly random: RandomBytes;
  readonly clock: Clock;
  readonly lock: ObjectLock;
}

/**
 * Commits a point: writes its root under a new name and reads it back. Before this nothing of the run is visible, after
 * it the point is protected. When the store does not answer, the name is looked up before another one is tried, so
 * that a root that did arrive is not written twice.
 * @param makeRoot - the root for a name; called again for every attempt.
 */
export async function putRoot(
  options: PutRootOptions,
  resourceArn: ResourceArn,
  sourceTime: Date,
  makeRoot: (pointId: PointId) => Root,
): Promise<StoredRoot> {
  const { store, keys, random, clock, lock } = options;
  for (let attempt = 1; ; attempt += 1) {
    const pointId = newPointId(sourceTime, random);
    const name = rootName(resourceKeyOf(resourceArn), pointId);
    const object = await encodeRoot(makeRoot(pointId), keys);
    try {
      await store.put(name, object, { lock });
    } catch (error) {
      const unanswered = error instanceof StoreUnavailableError;
      if (!(unanswered || error instanceof ObjectExistsError) || attempt === attempts) throw error;
      await clock.sleep(200 * 2 ** attempt);
      if (!(await retryUnavailable(async () => isStored(store, name, object), options, defaultRetryPolicy)))
        continue;
    }
    return retryUnavailable(
      async () => readRoot(store, keys, resourceArn, pointId),
      options,
      defaultRetryPolicy,
    );
  }
}

async function isStored(store: ObjectStore, name: string, object: Uint8Array): Promise<boolean> {
  try {
    return equalBytes(await store.get(name), object);
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return false;
    throw error;
  }
}

/**
 * The root that a run has committed already, if it has: a step that runs again after a crash takes it up.
 * Costs one listing and one read for every root of the resource with that source time, usually none or one.
 */
export async function findRootOfRun(
  store: ObjectStore,
  keys: VaultKeys,
  resourceArn: ResourceArn,
  sourceTime: Date,
  runId: string,
): Promise<StoredRoot | undefined> {
  const prefix = `${rootName(resourceKeyOf(resourceArn), '' as PointId)}${compactTime(sourceTime)}-`;
  for await (const { name, versionId } of store.listVersions(prefix)) {
    const parsed = parseObjectName(name);
    if (parsed?.kind !== 'root') continue;
    const stored = await findUndamaged(async () =>
      readRoot(store, keys, resourceArn, parsed.pointId, versionId),
    );
    if (stored?.root.run === runId) return stored;
  }
  return undefined;
}

/** A damaged root is nobody's: it must not keep a run from committing. */
async function findUndamaged(read: () => Promise<StoredRoot>): Promise<StoredRoot | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof StoredBytesDamagedError) return undefined;
    throw error;
  }
}
