import type { KeyId, VaultId } from '../ids.ts';

/** The binding of a wrapped key: unwrapping it for another vault, key or purpose fails. */
export interface KeyContext {
  readonly vaultId: VaultId;
  readonly keyId: KeyId;
  readonly purpose: 'data' | 'id';
}

/** A key as it lies in the vault: opaque to the engine. */
export interface WrappedKey {
  /** The one who can unwrap it: `kms`, or the name of a keyring of a test or of an offline recipient. */
  readonly recipient: string;
  /** The way to the wrapping key, for a person who has only the bucket: a KMS key ARN, for instance. */
  readonly wrappingKey: string;
  readonly ciphertext: Uint8Array;
}

/** Somebody who can unwrap keys later and need not be there, nor be asked, when they are wrapped. */
export interface AbsentRecipient {
  /** 16 hexadecimal digits that tell this recipient from others; part of names of objects. */
  readonly fingerprint: string;
  /** As in {@link WrappedKey}. */
  readonly wrappingKey: string;
  wrap(context: KeyContext, plain: Uint8Array): WrappedKey;
}

/** Wraps and unwraps the vault's keys. Called a few times in a worker's life, never once a chunk. */
export interface Keyring {
  /** A recipient that can open every key of the vault besides; keys that exist are wrapped for it, too. */
  readonly absentRecipient?: AbsentRecipient;
  /** Makes a random 32-byte key, and wraps it for every recipient. */
  generate(
    context: KeyContext,
  ): Promise<{ readonly plain: Uint8Array; readonly wrapped: readonly WrappedKey[] }>;
  /**
   * Unwraps the key of the first recipient that this keyring can open.
   * @throws {@link KeyUnavailableError} none of them can be opened here.
   */
  unwrap(context: KeyContext, wrapped: readonly WrappedKey[]): Promise<Uint8Array>;
}
