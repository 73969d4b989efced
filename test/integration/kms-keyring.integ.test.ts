import { CreateKeyCommand, DisableKeyCommand } from '@aws-sdk/client-kms';
import { expect, test } from 'vitest';
import { KmsKeyring } from '@holdfast/aws';
import { InvalidInputError, type KeyId, KeyUnavailableError, type VaultId } from '@holdfast/engine';
import { keyringContract } from '@holdfast/engine/testing';
import { connect } from './support/emulated-aws.ts';

const { kms } = connect();
const context = {
  vaultId: 'a'.repeat(32) as VaultId,
  keyId: 'b'.repeat(32) as KeyId,
  purpose: 'id',
} as const;

async function makeKey(): Promise<string> {
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({ MultiRegion: true }));
  return KeyMetadata?.Arn ?? '';
}

keyringContract({ name: 'KMS', make: async () => new KmsKeyring(kms, await makeKey()) });

test('records the ARN of the wrapping key', async () => {
  const arn = await makeKey();

  const { wrapped } = await new KmsKeyring(kms, arn).generate(context);

  expect(wrapped).toMatchObject([{ recipient: 'kms', wrappingKey: arn }]);
});

test('opens what another keyring wrapped, and makes nothing without a key of its own', async () => {
  const { plain, wrapped } = await new KmsKeyring(kms, await makeKey()).generate(context);
  const reader = new KmsKeyring(kms);

  expect(await reader.unwrap(context, wrapped)).toEqual(plain);
  await expect(reader.generate(context)).rejects.toBeInstanceOf(InvalidInputError);
});

test('names a key that was disabled', async () => {
  const arn = await makeKey();
  const keyring = new KmsKeyring(kms, arn);
  const { wrapped } = await keyring.generate(context);
  await kms.send(new DisableKeyCommand({ KeyId: arn }));

  const refused = keyring.unwrap(context, wrapped);

  await expect(refused).rejects.toBeInstanceOf(KeyUnavailableError);
  await expect(refused).rejects.toThrow(arn);
});
