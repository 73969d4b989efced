import { hash } from 'node:crypto';
import { compareBytes, equalBytes, fromHex, toHex } from '../bytes.ts';
import { FormatVersionError, isOfKind, ObjectNotFoundError, StoredBytesDamagedError } from '../errors.ts';
import { getBounded } from '../get-bounded.ts';
import type { KeyId, PointId, ResourceArn } from '../ids.ts';
import { rootObjectId, type VaultKeys } from '../keys/vault-keys.ts';
import { FrameCipher } from '../packs/frame-cipher.ts';
import { decodeContent, encodeContent } from '../packs/frame-codec.ts';
import { frameOverheadBytes, maxPlainBytes } from '../packs/frame.ts';
import { rootName } from '../packs/object-names.ts';
import { defaultRetryPolicy, retryUnavailable } from '../packs/retry.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectLock, ObjectStore } from '../ports/object-store.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import { ifThere } from '../if-there.ts';
import { resourceKeyOf } from './point-id.ts';
import { decodeRootCbor, encodeRootCbor } from './root-cbor.ts';
import type { Root } from './root.ts';

const magic = Buffer.from('HFRT\x01\0\0\0', 'latin1');
const keyIdBytes = 16;
const saltBytes = 16;
const headerBytes = 8 + keyIdBytes + saltBytes;
const attempts = 5;

export interface StoredRoot {
  readonly root: Root;
  readonly name: string;
  readonly versionId: string;
  /** SHA-256 of the stored object, in hexadecimal, which the next root of the resource names. */
  readonly sha256: string;
}

/**
 * The bytes of a root's object (docs/format.md, section 9). A root may be encoded more than once under one name, so
 * every encoding has a key of its own.
 */
export async function encodeRoot(root: Root, keys: VaultKeys, random: RandomBytes): Promise<Uint8Array> {
  const dataKey = await keys.currentDataKey();
  const salt = random.bytes(saltBytes);
  const { codec, payload } = encodeContent(encodeRootCbor(root));
  const cipher = new FrameCipher(dataKey.rootKey(salt), keys.vaultId, rootObjectId(root.point));
  const object = new Uint8Array(headerBytes + payload.length + 64);
  object.set(magic);
  object.set(fromHex(dataKey.keyId), magic.length);
  object.set(salt, magic.length + keyIdBytes);
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
  const keyId = toHex(object.subarray(magic.length, magic.length + keyIdBytes)) as KeyId;
  const salt = object.subarray(magic.length + keyIdBytes, headerBytes);
  const dataKey = await loadNamedKey(keys, keyId, name);
  const cipher = new FrameCipher(dataKey.rootKey(salt), keys.vaultId, rootObjectId(pointId));
  const { codec, payload } = cipher.open('root', 0, object.subarray(headerBytes), name);
  const plain = decodeContent(codec, payload, maxPlainBytes.root, name);
  const root = decodeRootCbor(plain, name);
  if (root.point !== pointId) throw new StoredBytesDamagedError(name, `it is the root of ${root.point}`);
  return root;
}

/**
 * @throws {@link ObjectNotFoundError} no such version.
 * @throws {@link StoredBytesDamagedError} it is larger than any root.
 */
export async function getRootObject(
  store: ObjectStore,
  name: string,
  versionId: string,
): Promise<Uint8Array> {
  return getBounded(store, name, headerBytes + maxPlainBytes.root + frameOverheadBytes, { versionId });
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
  const object = await getRootObject(store, name, version);
  const root = await decodeRoot(object, pointId, keys, name);
  if (root.resource !== resourceArn)
    throw new StoredBytesDamagedError(name, `it is the root of another resource`);
  return { root, name, versionId: version, sha256: hash('sha256', object, 'hex') };
}

export interface PutRootOptions {
  readonly store: ObjectStore;
  readonly keys: VaultKeys;
  readonly random: RandomBytes;
  readonly clock: Clock;
  readonly lock: ObjectLock;
}

/**
 * Commits a point: writes its root and reads it back. Before this nothing of the run is visible, after it the point is
 * protected.
 *
 * A root's name is the run's own, fixed when the run was opened; unlike those of packs it is not new for every attempt.
 * So of any number of commits of one run, repeated or at the same time, the first one counts and all of them return it.
 * Nothing else ever writes or sweeps that name while the run is open.
 */
export async function putRoot(options: PutRootOptions, root: Root): Promise<StoredRoot> {
  const { store, keys, random, clock, lock } = options;
  const name = rootName(resourceKeyOf(root.resource), root.point);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await store.put(name, await encodeRoot(root, keys, random), { lock });
    } catch (error) {
      if (!isOfKind(error, 'unavailable', 'taken')) throw error;
      const find = async (): Promise<StoredRoot | undefined> =>
        findRoot(store, keys, root.resource, root.point);
      const stored = await retryUnavailable(find, options, defaultRetryPolicy);
      if (stored !== undefined) return stored;
      if (attempt === attempts) throw error;
      await clock.sleep(200 * 2 ** attempt);
      continue;
    }
    return retryUnavailable(
      async () => readRoot(store, keys, root.resource, root.point),
      options,
      defaultRetryPolicy,
    );
  }
}

/** The root of a point, if it is in the vault: a commit that runs again after a crash continues with it. */
export async function findRoot(
  store: ObjectStore,
  keys: VaultKeys,
  resourceArn: ResourceArn,
  pointId: PointId,
): Promise<StoredRoot | undefined> {
  return ifThere(readRoot(store, keys, resourceArn, pointId));
}
