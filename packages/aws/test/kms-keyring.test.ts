import { DecryptCommand, GenerateDataKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, expect, test } from 'vitest';
import {
  AccessDeniedError,
  CredentialsRefusedError,
  type KeyId,
  KeyUnavailableError,
  StoreUnavailableError,
  type VaultId,
} from '@holdfast/engine';
import { KmsKeyring } from '../src/store/kms-keyring.ts';
import { sdkError } from './sdk-failures.ts';

const kms = mockClient(KMSClient);
afterAll(() => kms.restore());
const client = new KMSClient({
  region: 'eu-west-1',
  credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
});
const arn = 'arn:aws:kms:us-east-1:123456789012:key/mrk-1234';
const keyring = new KmsKeyring(client, arn);
const context = { vaultId: 'v' as VaultId, keyId: 'k' as KeyId, purpose: 'data' } as const;
const wrapped = [{ recipient: 'kms', wrappingKey: arn, ciphertext: new Uint8Array([1]) }];

beforeEach(() => {
  kms.reset();
});

test('binds a key to vault, key and purpose', async () => {
  kms
    .on(GenerateDataKeyCommand)
    .resolves({ Plaintext: new Uint8Array(32), CiphertextBlob: new Uint8Array(9), KeyId: arn });

  await keyring.generate(context);

  expect(kms.commandCalls(GenerateDataKeyCommand)[0]?.args[0].input).toEqual({
    KeyId: arn,
    KeySpec: 'AES_256',
    EncryptionContext: { 'holdfast:vault': 'v', 'holdfast:key': 'k', 'holdfast:purpose': 'data' },
  });
});

test('asks the replica of a multi-region key that lies in its own region, and other keys where they are', async () => {
  kms.on(DecryptCommand).resolves({ Plaintext: new Uint8Array(32) });
  const single = 'arn:aws:kms:us-east-1:123456789012:key/1234';

  await keyring.unwrap(context, wrapped);
  await keyring.unwrap(context, [{ recipient: 'kms', wrappingKey: single, ciphertext: new Uint8Array(1) }]);

  expect(kms.commandCalls(DecryptCommand).map((call) => call.args[0].input.KeyId)).toEqual([
    'arn:aws:kms:eu-west-1:123456789012:key/mrk-1234',
    single,
  ]);
});

test.each([
  'AccessDeniedException',
  'InvalidCiphertextException',
  'IncorrectKeyException',
  'DisabledException',
  'NotFoundException',
])('goes on to the next recipient after %s, and names them all in the end', async (name) => {
  const other = {
    ...wrapped[0],
    recipient: 'kms',
    wrappingKey: 'arn:aws:kms:x:1:key/2',
    ciphertext: new Uint8Array([2]),
  };
  kms
    .on(DecryptCommand)
    .rejectsOnce(sdkError(name, 400))
    .resolvesOnce({ Plaintext: new Uint8Array(32) });
  expect(await keyring.unwrap(context, [...wrapped, other])).toHaveLength(32);

  kms.reset();
  kms.on(DecryptCommand).rejects(sdkError(name, 400));
  const refused = keyring.unwrap(context, [...wrapped, other]);
  await expect(refused).rejects.toBeInstanceOf(KeyUnavailableError);
  await expect(refused).rejects.toThrow(/mrk-1234.*key\/2/);
});

test.each([
  { name: 'AccessDeniedException', isRefused: true },
  { name: 'DisabledException', isRefused: true },
  { name: 'KMSInvalidStateException', isRefused: true },
  { name: 'InvalidCiphertextException', isRefused: false },
  { name: 'IncorrectKeyException', isRefused: false },
])(
  'tells a key that may not be used from a wrapping that fits no key: $name',
  async ({ name, isRefused }) => {
    kms.on(DecryptCommand).rejects(sdkError(name, 400));

    const failed = keyring.unwrap(context, wrapped);

    await expect(failed).rejects.toMatchObject({
      name: 'KeyUnavailableError',
      refusal: isRefused ? expect.stringContaining(name) : undefined,
    });
  },
);

test('does not take an expired session for a key that cannot be opened', async () => {
  kms.on(DecryptCommand).rejects(sdkError('ExpiredTokenException', 400));

  await expect(keyring.unwrap(context, wrapped)).rejects.toBeInstanceOf(CredentialsRefusedError);
});

test('does not take a throttled service for a key that cannot be opened', async () => {
  kms.on(DecryptCommand).rejects(sdkError('ThrottlingException', 400));

  await expect(keyring.unwrap(context, wrapped)).rejects.toBeInstanceOf(StoreUnavailableError);
});

test('names the key that may not make data keys', async () => {
  kms.on(GenerateDataKeyCommand).rejects(sdkError('AccessDeniedException', 400));

  const refused = keyring.generate(context);

  await expect(refused).rejects.toBeInstanceOf(AccessDeniedError);
  await expect(refused).rejects.toThrow(arn);
});
