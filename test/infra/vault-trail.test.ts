import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { roleSession, service, type Principal } from './principals.ts';
import {
  isAllowed,
  PLACE,
  resolved,
  roleArn,
  without,
  type AccessRequest,
  type PolicyDocument,
} from './simulate.ts';
import { synthesize } from './synthesize.ts';

const { storage, monitoring } = synthesize();
const [trail] = Object.values(storage.findResources('AWS::CloudTrail::Trail'));
const properties = resolved(storage, trail?.['Properties']) as Record<string, unknown>;

describe('the trail', () => {
  test('records changes, and of the data events the deletes in the vault alone', () => {
    expect(properties['AdvancedEventSelectors']).toEqual([
      {
        Name: 'Changes',
        FieldSelectors: [
          { Field: 'eventCategory', Equals: ['Management'] },
          { Field: 'readOnly', Equals: ['false'] },
        ],
      },
      {
        Name: 'Deletes in the vault',
        FieldSelectors: [
          { Field: 'eventCategory', Equals: ['Data'] },
          { Field: 'resources.type', Equals: ['AWS::S3::Object'] },
          { Field: 'resources.ARN', StartsWith: ['arn:aws:s3:::vault23237e5b/'] },
          { Field: 'eventName', Equals: ['DeleteObject', 'DeleteObjects'] },
        ],
      },
    ]);
  });

  test('is on, signs its files, and stays in its region', () => {
    expect(properties).toMatchObject({
      IsLogging: true,
      EnableLogFileValidation: true,
      IsMultiRegionTrail: false,
      IncludeGlobalServiceEvents: false,
      TrailName: 'holdfast-HoldfastStorage',
    });
  });

  test('watches an adopted vault as well', () => {
    const adopted = synthesize({
      existingVault: {
        bucketName: 'kept-vault',
        keyArn: 'arn:aws:kms:eu-central-1:111122223333:key/mrk-1234',
        catalogTable: 'kept-catalog',
        chunkIndexTable: 'kept-chunks',
      },
    });
    const [rule] = Object.entries(adopted.monitoring.findResources('AWS::Events::Rule')).filter(([id]) =>
      id.includes('KeyEndangered'),
    );

    adopted.storage.resourceCountIs('AWS::CloudTrail::Trail', 1);
    expect(JSON.stringify(rule?.[1]['Properties'].EventPattern)).toContain('"suffix":"mrk-1234"');
  });
});

describe('the bucket of the log', () => {
  const [id = '', bucket] =
    Object.entries(storage.findResources('AWS::S3::Bucket')).find(([name]) => name.includes('Trail')) ?? [];
  const arn = `arn:aws:s3:::${id.toLowerCase()}`;
  const found = Object.values(storage.findResources('AWS::S3::BucketPolicy')).find(
    ({ Properties }) => Properties.Bucket.Ref === id,
  );
  const policy = resolved(storage, found?.['Properties'].PolicyDocument) as PolicyDocument;
  const administrator = roleSession(roleArn('Administrator'));
  const cloudFormation = roleSession(roleArn(`cdk-hnb659fds-cfn-exec-role-${PLACE.account}-${PLACE.region}`));
  const trailArn = `arn:aws:cloudtrail:${PLACE.region}:${PLACE.account}:trail/holdfast-HoldfastStorage`;
  const ask = (principal: Principal, action: string, resource = arn): AccessRequest => ({
    principal,
    action,
    resource,
  });
  const put = (principal: Principal): AccessRequest => ({
    ...ask(principal, 's3:PutObject', `${arn}/AWSLogs/${PLACE.account}/x`),
    context: { 's3:x-amz-acl': 'bucket-owner-full-control' },
  });

  test('is kept, encrypted and closed, and lets go of what is old', () => {
    expect(bucket).toMatchObject({
      DeletionPolicy: 'Retain',
      Properties: {
        BucketEncryption: expect.anything(),
        VersioningConfiguration: { Status: 'Enabled' },
        PublicAccessBlockConfiguration: { RestrictPublicBuckets: true },
        LifecycleConfiguration: {
          Rules: [{ ExpirationInDays: 400, NoncurrentVersionExpiration: { NoncurrentDays: 30 } }],
        },
      },
    });
  });

  test('is written to by the trail alone', () => {
    expect(policy.Statement.filter(({ ['Effect']: effect }) => effect === 'Allow')).toMatchObject([
      { Sid: 'CloudTrailLooksAtIt', Principal: { Service: 'cloudtrail.amazonaws.com' } },
      {
        Sid: 'CloudTrailWrites',
        Principal: { Service: 'cloudtrail.amazonaws.com' },
        Resource: `${arn}/AWSLogs/${PLACE.account}/*`,
        Condition: {
          StringEquals: {
            'aws:SourceArn': trailArn,
          },
        },
      },
    ]);
  });

  test.each([
    ['NobodyElseWrites', [put(administrator)]],
    [
      'NobodyDeletes',
      ['s3:DeleteObject', 's3:DeleteObjectVersion'].map((action) =>
        ask(administrator, action, `${arn}/AWSLogs/x`),
      ),
    ],
    [
      'ConfigurationIsDeployed',
      [
        's3:PutBucketPolicy',
        's3:DeleteBucketPolicy',
        's3:PutBucketVersioning',
        's3:PutLifecycleConfiguration',
      ].map((action) => ask(administrator, action)),
    ],
  ])('%s denies what it says, and nothing else does', async (sid, requests) => {
    for (const request of requests) {
      expect(await isAllowed(request, policy)).toBe(false);
      expect(await isAllowed(request, without(policy, sid))).toBe(true);
    }
  });

  test('is read by who may, and configured by CloudFormation', async () => {
    expect(await isAllowed(ask(administrator, 's3:GetObject', `${arn}/AWSLogs/x`), policy)).toBe(true);
    expect(await isAllowed(ask(cloudFormation, 's3:PutBucketPolicy'), policy)).toBe(true);
  });

  test('takes what CloudTrail writes for this trail, and for no other', async () => {
    const ofOther = service('cloudtrail.amazonaws.com', trailArn.replace('holdfast-', 'another-'));

    expect(await isAllowed(put(service('cloudtrail.amazonaws.com', trailArn)), policy)).toBe(true);
    expect(await isAllowed(put(ofOther), policy)).toBe(false);
  });

  test('exists before the trail, with its policy', () => {
    storage.hasResource('AWS::CloudTrail::Trail', {
      DependsOn: Match.arrayWith([Match.stringLikeRegexp('Policy')]),
    });
  });
});

test('EventBridge may publish to the topic of the alarms', () => {
  monitoring.hasResourceProperties('AWS::SNS::TopicPolicy', {
    PolicyDocument: {
      Statement: Match.arrayWith([
        Match.objectLike({
          Effect: 'Allow',
          Action: 'sns:Publish',
          Principal: { Service: 'events.amazonaws.com' },
        }),
      ]),
    },
  });
});
