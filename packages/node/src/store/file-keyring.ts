import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';

import {
  AccessDeniedError,
  InvalidInputError,
  type KeyContext,
  type Keyring,
  type RandomBytes,
  unwrapAny,
  type WrappedKey,
} from '@holdfast/engine';

import { errnoOf } from '../errno.ts';

const recipient = 'file';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Text that the ciphertext is bound to. Every part but the last has one length, so no two contexts give the same bytes.
 */
function additionalDataOf(context: KeyContext): Buffer {
  return Buffer.from(`holdfast/1 key file ${context.vaultId} ${context.keyId} ${context.purpose}`, 'utf8');
}

function wrappingKeyName(key: Uint8Array): string {
  const fingerprint = createHash('sha256')
    .update('holdfast/1 key file fingerprint')
    .update(key)
    .digest('hex');
  return `key file with fingerprint ${fingerprint.slice(0, 16)}`;
}

/**
 * Makes a new key file: 32 random bytes that only its owner can read. Losing it loses every vault that is wrapped
 * with it; keep a copy apart from the vault.
 * @throws {@link InvalidInputError} the path exists already; a key is never overwritten.
 */
export async function createKeyFile(path: string, random: RandomBytes): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(random.bytes(keyBytes));
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') {
      throw new InvalidInputError(`key file ${path} exists already; name another path, or use that key`, {
        cause: error,
      });
    }
    throw unusable(path, error);
  }
}

function unusable(path: string, error: unknown): Error {
  const code = errnoOf(error);
  if (code === undefined) return error instanceof Error ? error : new Error(String(error));
  if (code === 'ENOENT')
    return new InvalidInputError(`key file ${path} does not exist; create it, or name another path`, {
      cause: error,
    });
  return new AccessDeniedError(`key file ${path} cannot be used (${code}); check its owner and mode`, {
    cause: error,
  });
}

/**
 * A keyring whose wrapping key is a file of 32 bytes: for vaults in a directory, benchmarks and offline copies of keys.
 * A wrapped key is nonce (12) ‖ AES-256-GCM ciphertext (32) ‖ tag (16); the additional data is the text
 * `holdfast/1 key file <vaultId> <keyId> <purpose>`.
 */
export class FileKeyring implements Keyring {
  readonly #key: Uint8Array;
  readonly #name: string;
  readonly #random: RandomBytes;

  private constructor(key: Uint8Array, random: RandomBytes) {
    this.#key = key;
    this.#name = wrappingKeyName(key);
    this.#random = random;
  }

  /**
   * Reads the key file.
   * @throws {@link InvalidInputError} it is missing or does not have 32 bytes.
   * @throws {@link AccessDeniedError} it cannot be read, or others than its owner can.
   */
  static async open(path: string, random: RandomBytes): Promise<FileKeyring> {
    let key: Uint8Array;
    let mode: number;
    try {
      ({ mode } = await stat(path));
      key = new Uint8Array(await readFile(path));
    } catch (error) {
      throw unusable(path, error);
    }
    if ((mode & 0o077) !== 0) {
      throw new AccessDeniedError(
        `key file ${path} has mode ${(mode & 0o777).toString(8)}, so others can use it; run chmod 600 on it`,
      );
    }
    if (key.length !== keyBytes) {
      throw new InvalidInputError(
        `key file ${path} has ${key.length} bytes instead of ${keyBytes}; name the right file`,
      );
    }
    return new FileKeyring(key, random);
  }

  async generate(
    context: KeyContext,
  ): Promise<{ readonly plain: Uint8Array; readonly wrapped: readonly WrappedKey[] }> {
    const plain = this.#random.bytes(keyBytes);
    const nonce = this.#random.bytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(additionalDataOf(context));
    const sealed = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    return { plain, wrapped: [{ recipient, wrappingKey: this.#name, ciphertext: new Uint8Array(sealed) }] };
  }

  async unwrap(context: KeyContext, wrapped: readonly WrappedKey[]): Promise<Uint8Array> {
    return unwrapAny(context, wrapped, recipient, ({ ciphertext }) => this.#decrypt(context, ciphertext));
  }

  #decrypt(context: KeyContext, sealed: Uint8Array): Uint8Array {
    if (sealed.length !== nonceBytes + keyBytes + tagBytes) {
      throw new InvalidInputError(
        `a key wrapped for a key file has ${sealed.length} bytes instead of ${nonceBytes + keyBytes + tagBytes}`,
      );
    }
    const decipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    })
      .setAAD(additionalDataOf(context))
      .setAuthTag(sealed.subarray(-tagBytes));
    return new Uint8Array(
      Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]),
    );
  }
}
