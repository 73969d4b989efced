import {
  CloudTrailClient,
  DescribeTrailsCommand,
  GetEventSelectorsCommand,
  GetTrailStatusCommand,
} from '@aws-sdk/client-cloudtrail';
import { KMSClient } from '@aws-sdk/client-kms';
import { GetObjectLockConfigurationCommand, GetPublicAccessBlockCommand, S3Client } from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, expect, test } from 'vitest';
import { readVaultProtection } from '../src/inventory/vault-protection.ts';

const region = 'eu-west-1';
const clients = {
  s3: new S3Client({ region }),
  kms: new KMSClient({ region }),
  cloudTrail: new CloudTrailClient({ region }),
};
const mocks = {
  s3: mockClient(clients.s3),
  kms: mockClient(clients.kms),
  cloudTrail: mockClient(clients.cloudTrail),
};

beforeEach(() => {
  for (const mock of Object.values(mocks)) mock.reset();
  mocks.s3.onAnyCommand().resolves({});
  mocks.kms.onAnyCommand().resolves({});
  mocks.cloudTrail.onAnyCommand().resolves({});
});

function refusal(name: string, httpStatusCode: number): Error {
  return Object.assign(new Error('no'), { name, $metadata: { httpStatusCode } });
}

const selectors = (name: string) => ({
  EventSelectors: [{ DataResources: [{ Type: 'AWS::S3::Object', Values: [`arn:aws:s3:::${name}/`] }] }],
});

async function factOf(what: string) {
  const facts = await readVaultProtection(clients, { bucket: 'vault', keyArn: 'arn:key' });
  return facts.find((fact) => fact.what === what);
}

test('that there is no lock, or no block of public access, is an answer, and a refusal is a problem', async () => {
  mocks.s3
    .on(GetObjectLockConfigurationCommand)
    .rejects(refusal('ObjectLockConfigurationNotFoundError', 404))
    .on(GetPublicAccessBlockCommand)
    .rejects(refusal('NoSuchPublicAccessBlockConfiguration', 404));

  expect(await factOf('object lock of the bucket')).toEqual({
    what: 'object lock of the bucket',
    value: null,
  });
  expect(await factOf('public access to the bucket')).toMatchObject({ value: null });

  mocks.s3.on(GetObjectLockConfigurationCommand).rejects(refusal('AccessDenied', 403));
  expect(await factOf('object lock of the bucket')).toMatchObject({
    problem: expect.stringMatching(/^reading the object lock of the bucket was refused/),
  });
});

test('a trail of the organization hides none of the account, and one over another bucket is none', async () => {
  mocks.cloudTrail
    .on(DescribeTrailsCommand)
    .resolves({ trailList: ['org', 'other', 'own'].map((TrailARN) => ({ TrailARN })) })
    .on(GetEventSelectorsCommand, { TrailName: 'org' })
    .rejects(refusal('CloudTrailARNInvalidException', 400))
    .on(GetEventSelectorsCommand, { TrailName: 'other' })
    .resolves(selectors('vault-logs'))
    .on(GetEventSelectorsCommand, { TrailName: 'own' })
    .resolves(selectors('vault'))
    .on(GetTrailStatusCommand)
    .resolves({ IsLogging: true });

  expect(await factOf('trails over the bucket')).toMatchObject({
    value: [
      { TrailARN: 'org', problem: expect.stringContaining('CloudTrailARNInvalidException') },
      { TrailARN: 'own', IsLogging: true },
    ],
  });
});
