import { createHash } from 'node:crypto';
import { Ec2Error } from '../ec2-error.ts';
import { listFiltered } from '../filters.ts';
import { findText, getText, listTexts } from '../parameters.ts';
import type { QueryStructure, XmlStructure } from '../query-protocol.ts';
import { newResourceId, type Ec2Context, type Ec2Region } from '../region.ts';
import { putTags, requestedTags, tagSet } from '../tags.ts';
import type { KeyPair } from './network.ts';

/** @throws {@link Ec2Error} `InvalidKeyPair.NotFound` */
export function getKeyPair({ keyPairs }: Ec2Region, keyName: string): KeyPair {
  const pair = keyPairs.get(keyName);
  if (pair) return pair;
  throw new Ec2Error('InvalidKeyPair.NotFound', `The key pair '${keyName}' does not exist`);
}

export function importKeyPair(context: Ec2Context, input: QueryStructure): XmlStructure {
  const { region, now } = context;
  const keyName = getText(input, 'KeyName');
  if (region.keyPairs.has(keyName))
    throw new Ec2Error('InvalidKeyPair.Duplicate', `The keypair '${keyName}' already exists.`);
  const hex = createHash('md5').update(getText(input, 'PublicKeyMaterial')).digest('hex');
  const fingerprint = hex.replaceAll(/(..)(?=.)/g, '$1:');
  const pair: KeyPair = { keyPairId: newResourceId('key'), keyName, fingerprint, createdAt: now };
  putTags(context, pair.keyPairId, requestedTags(input, 'key-pair'));
  region.keyPairs.set(keyName, pair);
  return { keyName, keyFingerprint: fingerprint, keyPairId: pair.keyPairId };
}

/** Succeeds also when there is none, as in EC2. */
export function deleteKeyPair({ region }: Ec2Context, input: QueryStructure): XmlStructure {
  region.keyPairs.delete(findText(input, 'KeyName') ?? '');
  return { return: true };
}

export function describeKeyPairs({ region }: Ec2Context, input: QueryStructure): XmlStructure {
  const names = listTexts(input, 'KeyName');
  for (const name of names) getKeyPair(region, name);
  const named = [...region.keyPairs.values()].filter(
    ({ keyName }) => names.length === 0 || names.includes(keyName),
  );
  const found = listFiltered(named, input, (pair) => ({
    tags: region.tags.get(pair.keyPairId),
    attributes: { 'key-name': [pair.keyName], 'key-pair-id': [pair.keyPairId] },
  }));
  const keySet = found.map((pair) => ({
    keyPairId: pair.keyPairId,
    keyName: pair.keyName,
    keyFingerprint: pair.fingerprint,
    keyType: 'rsa',
    createTime: pair.createdAt,
    tagSet: tagSet(region.tags.get(pair.keyPairId)),
  }));
  return { keySet };
}
