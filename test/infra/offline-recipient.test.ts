import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { withOfflineRecipient } from '@holdfast/engine';
import { DeployedConfiguration } from '@holdfast/engine/model';
import { MemoryKeyring, SeededRandom } from '@holdfast/engine/testing';
import { deployedConfiguration } from '../../lib/deployed-configuration.ts';
import { parseDeploymentConfig } from '../../lib/deployment-config.ts';
import { deployment } from '../../lib/plans.ts';

const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 4096 });
const pem = String(publicKey.export({ type: 'spki', format: 'pem' }));

function recipientOf(changes: object): DeployedConfiguration['offlineRecipient'] {
  const config = parseDeploymentConfig({ deployment: { ...deployment, ...changes } });
  return DeployedConfiguration.parse(JSON.parse(deployedConfiguration(config))).offlineRecipient;
}

test('the function that makes keys is told the public key of the offline recipient', () => {
  const key = recipientOf({ offlineRecipient: { publicKey: pem } })?.publicKey ?? '';

  expect(Buffer.from(key, 'base64')).toEqual(publicKey.export({ type: 'spki', format: 'der' }));
  expect(
    withOfflineRecipient(new MemoryKeyring(new SeededRandom(1)), key).absentRecipient?.fingerprint,
  ).toMatch(/^[0-9a-f]{16}$/);
});

test('nobody is told of a recipient that is not configured', () => {
  expect(recipientOf({})).toBeUndefined();
});
