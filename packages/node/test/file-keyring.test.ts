import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { KeyContext, KeyId, VaultId } from '@holdfast/engine';
import { keyringContract, SeededRandom } from '@holdfast/engine/testing';
import { expect, test } from 'vitest';

import { createKeyFile, FileKeyring, systemRandom } from '../src/index.ts';
import { makeTempDir } from './temp-dir.ts';

const context: KeyContext = {
  vaultId: '1'.repeat(32) as VaultId,
  keyId: '2'.repeat(32) as KeyId,
  purpose: 'data',
};

async function makeKeyFile(): Promise<string> {
  const file = path.join(makeTempDir(), 'key');
  await createKeyFile(file, systemRandom);
  return file;
}

keyringContract({
  name: 'a key file',
  make: async () => FileKeyring.open(await makeKeyFile(), systemRandom),
});

test('makes a key of 32 bytes that only its owner can read, and never overwrites one', async () => {
  const file = await makeKeyFile();
  const before = readFileSync(file);

  expect(before).toHaveLength(32);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await expect(createKeyFile(file, systemRandom)).rejects.toMatchObject({ name: 'InvalidInputError' });
  expect(readFileSync(file)).toEqual(before);
});

test('opens what the same file wrapped earlier, and nothing that another file wrapped', async () => {
  const [file, other] = [await makeKeyFile(), await makeKeyFile()];
  const one = await (await FileKeyring.open(file, systemRandom)).generate(context);
  const foreign = await (await FileKeyring.open(other, systemRandom)).generate(context);
  const keyring = await FileKeyring.open(file, systemRandom);

  expect(await keyring.unwrap(context, [...foreign.wrapped, ...one.wrapped])).toEqual(one.plain);
  await expect(keyring.unwrap(context, foreign.wrapped)).rejects.toMatchObject({
    name: 'KeyUnavailableError',
  });
});

test('names the key file by a fingerprint that does not show the key', async () => {
  const file = await makeKeyFile();
  const { wrapped } = await (await FileKeyring.open(file, systemRandom)).generate(context);

  expect(wrapped).toHaveLength(1);
  expect(wrapped[0]?.recipient).toBe('file');
  expect(wrapped[0]?.wrappingKey).toMatch(/^key file with fingerprint [0-9a-f]{16}$/);
  expect(readFileSync(file).toString('hex')).not.toContain(wrapped[0]?.wrappingKey.slice(-16));
});

test('opens a key that version 0.1 wrapped', async () => {
  // Made once by FileKeyring.generate with this key file and this context; never to be made anew.
  const file = path.join(makeTempDir(), 'key');
  writeFileSync(file, new SeededRandom('fixture').bytes(32), { mode: 0o600 });
  const plain = '05185cbb16284c9c6c28e0eece80fb40efeea02d00659bec12a7d910b3e48c9e';
  const ciphertext = Buffer.from(
    '17e654dd9e02249c42cfb63427dd6cd60f4c1ea1528ba25c759fd233bd1530b386fecc96d4448b3d72e4a38ab6daa1ae' +
      '841ef8e71ec378b6e9bc027f',
    'hex',
  );

  const keyring = await FileKeyring.open(file, systemRandom);
  const opened = await keyring.unwrap(context, [{ recipient: 'file', wrappingKey: 'any', ciphertext }]);

  expect(Buffer.from(opened).toString('hex')).toBe(plain);
});

test('refuses a file that is missing, has another size, or that others can use', async () => {
  const file = await makeKeyFile();
  const short = path.join(makeTempDir(), 'short');
  writeFileSync(short, 'too short', { mode: 0o600 });

  await expect(FileKeyring.open(`${file}-not`, systemRandom)).rejects.toThrow(/does not exist/);
  await expect(FileKeyring.open(short, systemRandom)).rejects.toThrow(/has 9 bytes instead of 32/);
  chmodSync(file, 0o640);
  await expect(FileKeyring.open(file, systemRandom)).rejects.toMatchObject({ name: 'AccessDeniedError' });
});
