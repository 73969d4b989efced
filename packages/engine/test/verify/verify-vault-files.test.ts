import { describe, expect, test } from 'vitest';
import { toHex, utf8 } from '../../src/bytes.ts';
import type { VaultId } from '../../src/ids.ts';
import { checkSealedJson, encodeSealedJson } from '../../src/keys/sealed-json.ts';
import { MemoryKeyring, SeededRandom } from '../../src/testing/index.ts';
import { verifyVaultFiles } from '../../src/verify/verify-vault-files.ts';
import { withDamage } from '../damage/damaged-store.ts';
import { Harness, namesIn } from '../runs/harness.ts';

async function withVault(): Promise<{ harness: Harness; keyNames: string[] }> {
  const harness = new Harness('vault files');
  await harness.backUp('full');
  return { harness, keyNames: await namesIn(harness.store, 'keys/') };
}

describe('the files of a vault', () => {
  test('are whole as they were written', async () => {
    const { harness } = await withVault();

    expect(await verifyVaultFiles(harness)).toEqual([]);
  });

  test('are damaged whichever of their bits is flipped', async () => {
    const { harness, keyNames } = await withVault();
    for (const name of ['format.json', ...keyNames]) {
      const bytes = await harness.store.get(name);
      for (let bit = 0; bit < 8 * bytes.length; bit += 5) {
        const flipped = bytes.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const store = withDamage(harness.store, new Map([[name, flipped]]));
        const losses = await verifyVaultFiles({ store, keyring: harness.keyring });
        expect(losses, `${name}, bit ${bit}`).not.toEqual([]);
      }
    }
  });

  test('are damaged when a copy dropped their last byte', async () => {
    const { harness } = await withVault();
    const cut = (await harness.store.get('format.json')).slice(0, -1);

    const losses = await verifyVaultFiles({
      store: withDamage(harness.store, new Map([['format.json', cut]])),
      keyring: harness.keyring,
    });

    expect(losses).toMatchObject([{ name: 'StoredBytesDamagedError' }]);
    expect(losses[0]?.message).toBe(
      'format.json is damaged: it was changed after it was written; run verify on the points that use it',
    );
  });

  test('cannot be verified by somebody who cannot unwrap the keys', async () => {
    const { harness, keyNames } = await withVault();

    const losses = await verifyVaultFiles({
      store: harness.store,
      keyring: new MemoryKeyring(new SeededRandom('another')),
    });

    expect(losses.filter(({ name }) => name === 'KeyUnavailableError')).toHaveLength(keyNames.length);
  });

  test('are gone where keys are left without format.json', async () => {
    const { harness } = await withVault();
    const store = withDamage(harness.store, new Map([['format.json', undefined]]));

    expect((await verifyVaultFiles({ store, keyring: harness.keyring }))[0]?.message).toContain(
      'format.json is damaged: it is gone',
    );
  });

  test('are not there in an empty bucket', async () => {
    const { store, keyring } = new Harness();

    await expect(verifyVaultFiles({ store, keyring })).rejects.toMatchObject({ name: 'VaultMissingError' });
  });
});

describe('a sealed file', () => {
  const key = new Uint8Array(32).fill(7);
  const vaultId = '00112233445566778899aabbccddeeff' as VaultId;

  test('has the form that the format says', () => {
    const bytes = encodeSealedJson({ a: 1 }, key, vaultId);

    // Computed with Python's hmac and hashlib.
    expect(Buffer.from(bytes).toString()).toBe(
      '{\n  "a": 1,\n  "mac": "b9add7b7cc2d6bd32e6bedbc38fe75d816c81d8b0433a5376bcc838765a458b2"\n}\n',
    );
    expect(() => checkSealedJson(bytes, key, vaultId, 'a file')).not.toThrow();
  });

  test('is refused under another key or vault, and when it is shorter than a MAC', () => {
    const bytes = encodeSealedJson({ a: 1 }, key, vaultId);

    expect(() => checkSealedJson(bytes, new Uint8Array(32), vaultId, 'a file')).toThrow('was changed');
    expect(() => checkSealedJson(bytes, key, toHex(new Uint8Array(16)) as VaultId, 'a file')).toThrow(
      'was changed',
    );
    expect(() => checkSealedJson(utf8('{}'), key, vaultId, 'a file')).toThrow('was changed');
  });
});
