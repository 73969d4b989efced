import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { withOfflineRecipient } from '@holdfast/engine';
import { MemoryKeyring, SeededRandom } from '@holdfast/engine/testing';
import { synthesize } from './synthesize.ts';

const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 4096 });
const pem = String(publicKey.export({ type: 'spki', format: 'pem' }));

function variablesOf(changes: Parameters<typeof synthesize>[0]): ReadonlyMap<string, string> {
  const functions = Object.values(synthesize(changes).pipeline.findResources('AWS::Lambda::Function'));
  return new Map(
    functions.flatMap(({ Properties }): [string, string][] => {
      const { OFFLINE_PUBLIC_KEY: key } = Properties.Environment.Variables as Record<string, string>;
      return key === undefined ? [] : [[Properties.Description as string, key]];
    }),
  );
}

test('the function that makes keys, and no other, is told the public key of the offline recipient', () => {
  const told = variablesOf({ offlineRecipient: { publicKey: pem } });

  expect([...told.keys()]).toEqual(['Holdfast open-run']);
  const [key = ''] = told.values();
  expect(Buffer.from(key, 'base64')).toEqual(publicKey.export({ type: 'spki', format: 'der' }));
  expect(
    withOfflineRecipient(new MemoryKeyring(new SeededRandom(1)), key).absentRecipient?.fingerprint,
  ).toMatch(/^[0-9a-f]{16}$/);
});

test('nobody is told of a recipient that is not configured', () => {
  expect(variablesOf({}).size).toBe(0);
});
