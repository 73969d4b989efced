import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { KeyUnavailableError } from '../errors.ts';
import type { KeyContext, Keyring, WrappedKey } from '../ports/keyring.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';

const recipient = 'memory';

/** A keyring whose wrapping key is random and lives as long as the object: two of them cannot open each other's keys. */
export class MemoryKeyring implements Keyring {
  readonly #random: RandomBytes;
  readonly #wrappingKey: KeyObject;
  readonly #wrappingKeyName: string;
  /** Wrapping and unwrapping calls so far: they cost money with KMS. */
  calls = 0;

  constructor(random: RandomBytes) {
    this.#random = random;
    this.#wrappingKey = createSecretKey(random.bytes(32));
    this.#wrappingKeyName = `memory:${Buffer.from(random.bytes(4)).toString('hex')}`;
  }

  async generate(
    context: KeyContext,
  ): Promise<{ readonly plain: Uint8Array; readonly wrapped: readonly WrappedKey[] }> {
    this.calls++;
    await Promise.resolve();
    const plain = this.#random.bytes(32);
    const nonce = this.#random.bytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#wrappingKey, nonce).setAAD(additionalData(context));
    const ciphertext = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    return {
      plain,
      wrapped: [{ recipient, wrappingKey: this.#wrappingKeyName, ciphertext: new Uint8Array(ciphertext) }],
    };
  }

  async unwrap(context: KeyContext, wrapped: readonly WrappedKey[]): Promise<Uint8Array> {
    this.calls++;
    await Promise.resolve();
    for (const key of wrapped) {
      const plain = key.recipient === recipient ? this.#open(context, key.ciphertext) : undefined;
      if (plain !== undefined) return plain;
    }
    throw new KeyUnavailableError(
      context.keyId,
      wrapped.map((key) => `${key.recipient} (${key.wrappingKey})`),
    );
  }

  #open(context: KeyContext, ciphertext: Uint8Array): Uint8Array | undefined {
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#wrappingKey, ciphertext.subarray(0, 12))
        .setAAD(additionalData(context))
        .setAuthTag(ciphertext.subarray(-16));
      return new Uint8Array(Buffer.concat([decipher.update(ciphertext.subarray(12, -16)), decipher.final()]));
    } catch {
      // Another keyring's key, another context or damage: to the caller all the same, it does not open here.
      return undefined;
    }
  }
}

function additionalData(context: KeyContext): Uint8Array {
  return Buffer.from(JSON.stringify([context.vaultId, context.keyId, context.purpose]));
}
