import { beforeEach, describe, expect, test } from 'vitest';
import { KeyUnavailableError } from '../errors.ts';
import type { KeyId, VaultId } from '../ids.ts';
import type { KeyContext, Keyring, WrappedKey } from '../ports/keyring.ts';

export interface KeyringContractOptions {
  readonly name: string;
  /** A keyring, made anew for every test. */
  readonly make: () => Promise<Keyring>;
}

/** Every sentence of the {@link Keyring} port, as tests. */
export function keyringContract(options: KeyringContractOptions): void {
  describe(`${options.name} as a keyring`, () => {
    let keyring: Keyring;

    beforeEach(async () => {
      keyring = await options.make();
    });

    const context: KeyContext = {
      vaultId: '1'.repeat(32) as VaultId,
      keyId: '2'.repeat(32) as KeyId,
      purpose: 'data',
    };

    test('makes a new key of 32 bytes each time and opens what it wrapped', async () => {
      const one = await keyring.generate(context);
      const two = await keyring.generate(context);

      expect(one.plain).toHaveLength(32);
      expect(one.plain).not.toEqual(two.plain);
      expect(await keyring.unwrap(context, one.wrapped)).toEqual(one.plain);
      expect(await keyring.unwrap(context, two.wrapped)).toEqual(two.plain);
    });

    test('names a recipient and a wrapping key that a person can find', async () => {
      const { wrapped } = await keyring.generate(context);

      expect(wrapped.length).toBeGreaterThan(0);
      for (const key of wrapped) {
        expect(key.recipient).not.toBe('');
        expect(key.wrappingKey).not.toBe('');
      }
    });

    test.each([
      { what: 'vault', other: { ...context, vaultId: '9'.repeat(32) as VaultId } },
      { what: 'key', other: { ...context, keyId: '9'.repeat(32) as KeyId } },
      { what: 'purpose', other: { ...context, purpose: 'id' as const } },
    ])('does not open a key for another $what', async ({ other }) => {
      const { wrapped } = await keyring.generate(context);

      await expect(keyring.unwrap(other, wrapped)).rejects.toBeInstanceOf(KeyUnavailableError);
    });

    test('does not open bytes that it did not make', async () => {
      const { wrapped } = await keyring.generate(context);
      const foreign = wrapped.map((key) => ({
        ...key,
        ciphertext: key.ciphertext.map((byte) => byte ^ 0xa5),
      }));

      await expect(keyring.unwrap(context, foreign)).rejects.toBeInstanceOf(KeyUnavailableError);
    });

    test('passes over recipients that it does not know and opens the first that it can', async () => {
      const { plain, wrapped } = await keyring.generate(context);
      const stranger: WrappedKey = {
        recipient: 'safe',
        wrappingKey: 'in the safe',
        ciphertext: new Uint8Array(40),
      };

      expect(await keyring.unwrap(context, [stranger, ...wrapped])).toEqual(plain);
    });

    test('names the recipients when none can be opened', async () => {
      const stranger: WrappedKey = {
        recipient: 'safe',
        wrappingKey: 'in the safe',
        ciphertext: new Uint8Array(40),
      };

      await expect(keyring.unwrap(context, [stranger])).rejects.toThrow(/safe/);
      await expect(keyring.unwrap(context, [])).rejects.toBeInstanceOf(KeyUnavailableError);
    });
  });
}
