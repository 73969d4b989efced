import { ObjectNotFoundError, StoredBytesDamagedError } from '../errors.ts';
import type { KeyId, PackId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { FrameCipher, type OpenedFrame } from './frame-cipher.ts';
import type { FrameKind } from './frame.ts';
import { headerBytes, readHeader, type PackHeader } from './pack-layout.ts';
import { fetchRange, type StoredObject } from './stored-object.ts';

const rememberedCiphers = 1_024;

/**
 * Opens frames of any pack of a vault. A pack's header names its data key, but nearly always that key is known already,
 * and a frame opens with one key only. So the known keys are tried first, and the header is fetched when none of them
 * fits.
 */
export class PackCiphers {
  readonly #store: ObjectStore;
  readonly #vault: VaultKeys;
  readonly #ciphers = new Map<PackId, FrameCipher>();

  constructor(store: ObjectStore, vault: VaultKeys) {
    this.#store = store;
    this.#vault = vault;
  }

  /**
   * Decrypts a frame of the object's version `versionId` (the oldest, when that is `undefined`).
   * @throws {@link StoredBytesDamagedError} it does not authenticate.
   * @throws {@link KeyUnavailableError} its key cannot be unwrapped here.
   */
  async open(
    object: StoredObject,
    versionId: string | undefined,
    kind: FrameKind,
    frame: number,
    stored: Uint8Array,
    signal?: AbortSignal,
  ): Promise<OpenedFrame> {
    const { packId, name } = object;
    const cipher = this.#ciphers.get(packId);
    if (cipher !== undefined) return cipher.open(kind, frame, stored, name);
    for (const keyId of this.#vault.knownDataKeys()) {
      const candidate = await this.#cipherFor(keyId, packId);
      try {
        const opened = candidate.open(kind, frame, stored, name);
        this.#remember(packId, candidate);
        return opened;
      } catch (error) {
        if (!(error instanceof StoredBytesDamagedError)) throw error;
      }
    }
    const named = await this.#cipherOfHeader(object, versionId, signal);
    const opened = named.cipher.open(kind, frame, stored, name);
    // Only now: another version of the object may have another header.
    this.#remember(packId, named.cipher);
    return opened;
  }

  /**
   * Makes the object's frames open with the key that its header names from now on, and with no other: for checks, which
   * must notice a damaged header too.
   * @throws {@link StoredBytesDamagedError} it is not that object's header, or names a key that the vault has not.
   * @throws {@link FormatVersionError} it is of a newer version.
   */
  async useHeader(
    object: StoredObject,
    versionId: string | undefined,
    signal?: AbortSignal,
  ): Promise<PackHeader> {
    const { cipher, header } = await this.#cipherOfHeader(object, versionId, signal);
    this.#remember(object.packId, cipher);
    return header;
  }

  async #cipherOfHeader(
    { packId, name }: StoredObject,
    versionId: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly cipher: FrameCipher; readonly header: PackHeader }> {
    const range = { offset: 0, length: headerBytes };
    const header = readHeader(await fetchRange(this.#store, name, versionId, range, signal), name);
    const { keyId } = header;
    if (header.packId !== packId)
      throw new StoredBytesDamagedError(name, `its header names pack ${header.packId}`);
    try {
      return { cipher: await this.#cipherFor(keyId, packId), header };
    } catch (error) {
      if (!(error instanceof ObjectNotFoundError)) throw error;
      throw new StoredBytesDamagedError(name, `it names key ${keyId}, which the vault has not`, {
        cause: error,
      });
    }
  }

  async #cipherFor(keyId: KeyId, packId: PackId): Promise<FrameCipher> {
    return new FrameCipher(await this.#vault.objectKey(keyId, packId), this.#vault.vaultId, packId);
  }

  #remember(packId: PackId, cipher: FrameCipher): void {
    this.#ciphers.set(packId, cipher);
    for (const oldest of this.#ciphers.keys()) {
      if (this.#ciphers.size <= rememberedCiphers) break;
      this.#ciphers.delete(oldest);
    }
  }
}
