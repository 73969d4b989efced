import { createSecretKey, hash, type KeyObject } from 'node:crypto';
import { fromHex, isZero } from '../bytes.ts';
import { KeyUnavailableError } from '../errors.ts';
import type { ChunkId, KeyId, PackId, PageId, PointId, VaultId } from '../ids.ts';
import { deriveKey } from './derive-key.ts';
import { createKeyedHash } from './keyed-hash.ts';
import { checkSealedJson, encodeSealedJson } from './sealed-json.ts';

/** Chunks from this size on are compared with zeros before they are hashed. Bytes. */
const comparedFromBytes = 64 * 1024;

/** The source of data keys that have not been met yet. */
export interface DataKeySource {
  /**
   * @throws {@link ObjectNotFoundError} the vault has no such key.
   * @throws {@link KeyUnavailableError} it cannot be unwrapped here.
   */
  load(keyId: KeyId): Promise<Uint8Array>;
  /** The data key that writers use: the newest. */
  findNewest(): Promise<KeyId>;
}

/**
 * A vault's keys in the clear, to hand to a worker thread of the same process (it can be structured-cloned).
 * Whoever has it reads every point of the vault: it is never stored, sent or logged.
 */
export interface VaultSecrets {
  readonly vaultId: VaultId;
  readonly idKey: Uint8Array;
  readonly currentKeyId: KeyId;
  readonly dataKeys: readonly { readonly keyId: KeyId; readonly key: Uint8Array }[];
}

export class DataKey {
  readonly keyId: KeyId;
  readonly #bytes: Uint8Array;
  readonly #key: KeyObject;

  constructor(keyId: KeyId, bytes: Uint8Array) {
    this.keyId = keyId;
    this.#bytes = bytes;
    this.#key = createSecretKey(bytes);
  }

  /** The key that encrypts the frames of one pack or container. 32 bytes. */
  objectKey(packId: PackId): Uint8Array {
    return deriveKey(this.#key, fromHex(packId), 'object');
  }

  /** The key that encrypts one writing of a recovery point's root, by the salt of that writing. 32 bytes. */
  rootKey(salt: Uint8Array): Uint8Array {
    return deriveKey(this.#key, salt, 'object');
  }

  sealJson(record: Readonly<Record<string, unknown>>, vaultId: VaultId): Uint8Array {
    return encodeSealedJson(record, this.#bytes, vaultId);
  }

  /** @throws {@link StoredBytesDamagedError} it was changed. */
  checkSealed(bytes: Uint8Array, vaultId: VaultId, objectName: string): void {
    checkSealedJson(bytes, this.#bytes, vaultId, objectName);
  }

  /** For {@link VaultKeys.export} only. */
  reveal(): Uint8Array {
    return this.#bytes;
  }
}

/** Stands for the pack id in the additional data of a root: 16 bytes in hexadecimal. */
export function rootObjectId(pointId: PointId): string {
  return hash('sha256', Buffer.from(pointId, 'ascii'), 'hex').slice(0, 32);
}

/**
 * The keys of one vault as one trust domain sees them: names chunks and pages, and opens objects.
 * Ids need the id key alone and are computed at once; data keys are unwrapped when they are first needed.
 */
export class VaultKeys {
  readonly vaultId: VaultId;
  /** Key of page ids. 32 bytes. */
  readonly pageIdKey: Uint8Array;
  /** Key of the hash that decides where pages end. 32 bytes. */
  readonly pageBoundaryKey: Uint8Array;
  readonly #idKey: Uint8Array;
  readonly #chunkIdHash: (message: Uint8Array) => string;
  readonly #pageIdHash: (message: Uint8Array) => string;
  /** The last chunk of zeros that was named. */
  #zeros: { readonly bytes: number; readonly id: ChunkId } | undefined;
  readonly #source: DataKeySource;
  readonly #dataKeys = new Map<KeyId, Promise<DataKey>>();
  #current: Promise<DataKey> | undefined;

  constructor(vaultId: VaultId, idKey: Uint8Array, source: DataKeySource) {
    const salt = fromHex(vaultId);
    const inputKey = createSecretKey(idKey);
    this.vaultId = vaultId;
    this.#idKey = idKey;
    this.pageIdKey = deriveKey(inputKey, salt, 'page id');
    this.pageBoundaryKey = deriveKey(inputKey, salt, 'page boundary');
    this.#chunkIdHash = createKeyedHash(deriveKey(inputKey, salt, 'chunk id'));
    this.#pageIdHash = createKeyedHash(this.pageIdKey);
    this.#source = source;
  }

  /** Takes up what {@link export} gave. Without a source, only the exported data keys can be used. */
  static import(secrets: VaultSecrets, source?: DataKeySource): VaultKeys {
    const exported: DataKeySource = source ?? {
      load: async (keyId) => Promise.reject(new KeyUnavailableError(keyId, [])),
      findNewest: async () => Promise.resolve(secrets.currentKeyId),
    };
    const vault = new VaultKeys(secrets.vaultId, secrets.idKey, exported);
    for (const { keyId, key } of secrets.dataKeys)
      vault.#dataKeys.set(keyId, Promise.resolve(new DataKey(keyId, key)));
    vault.#current = vault.dataKey(secrets.currentKeyId);
    return vault;
  }

  /** The keys in the clear, with the data keys met so far and the current one. Handle as {@link VaultSecrets} says. */
  async export(): Promise<VaultSecrets> {
    const current = await this.currentDataKey();
    const dataKeys = await Promise.all(this.#dataKeys.values());
    return {
      vaultId: this.vaultId,
      idKey: this.#idKey,
      currentKeyId: current.keyId,
      dataKeys: dataKeys.map((dataKey) => ({ keyId: dataKey.keyId, key: dataKey.reveal() })),
    };
  }

  chunkId(plain: Uint8Array): ChunkId {
    const isLong = plain.length >= comparedFromBytes;
    return isLong && isZero(plain) ? this.#idOfZeros(plain) : this.#hashedId(plain);
  }

  /** Images and databases have long runs of zeros, which are cut into chunks of one length. */
  #idOfZeros(plain: Uint8Array): ChunkId {
    if (this.#zeros?.bytes !== plain.length) this.#zeros = { bytes: plain.length, id: this.#hashedId(plain) };
    return this.#zeros.id;
  }

  #hashedId(plain: Uint8Array): ChunkId {
    return this.chunkIdOfHash(hash('sha256', plain, 'buffer'));
  }

  /** Names a chunk by the SHA-256 of its plain bytes, for who has it already. */
  chunkIdOfHash(sha256: Uint8Array): ChunkId {
    return this.#chunkIdHash(sha256) as ChunkId;
  }

  /** Names a manifest page by its plain bytes. */
  pageId(page: Uint8Array): PageId {
    return this.#pageIdHash(hash('sha256', page, 'buffer')) as PageId;
  }

  /**
   * A data key, unwrapped once.
   * @throws {@link ObjectNotFoundError} the vault has no such key: the id was read from damaged bytes.
   * @throws {@link KeyUnavailableError} it cannot be unwrapped here.
   */
  async dataKey(keyId: KeyId): Promise<DataKey> {
    const known = this.#dataKeys.get(keyId);
    if (known !== undefined) return known;
    const loading = this.#source.load(keyId).then((key) => new DataKey(keyId, key));
    this.#dataKeys.set(keyId, loading);
    // A failure may pass (KMS throttles): the next caller tries again.
    loading.catch(() => this.#dataKeys.delete(keyId));
    return loading;
  }

  /** Data keys that have been unwrapped, or are being unwrapped, in the order in which they were first needed. */
  knownDataKeys(): readonly KeyId[] {
    return [...this.#dataKeys.keys()];
  }

  /** The data key for new objects. @throws {@link KeyUnavailableError} it cannot be unwrapped here. */
  async currentDataKey(): Promise<DataKey> {
    if (this.#current === undefined) {
      const current = this.#source.findNewest().then(async (keyId) => this.dataKey(keyId));
      this.#current = current;
      current.catch(() => (this.#current = undefined));
    }
    return this.#current;
  }

  /** Makes a new data key the current one; objects that exist keep theirs. */
  useDataKey(keyId: KeyId, key: Uint8Array): void {
    const dataKey = Promise.resolve(new DataKey(keyId, key));
    this.#dataKeys.set(keyId, dataKey);
    this.#current = dataKey;
  }

  /** The key of a pack or container that a header names. 32 bytes. */
  async objectKey(keyId: KeyId, packId: PackId): Promise<Uint8Array> {
    return (await this.dataKey(keyId)).objectKey(packId);
  }
}
