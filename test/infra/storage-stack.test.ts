import { catalogEnd } from '@holdfast/aws';
import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { makeApp, synthesize, toStatements } from './synthesize.ts';

const { storage } = synthesize();
const vaultPolicy = toStatements(
  storage.findResources('AWS::S3::BucketPolicy')['VaultPolicyE1328754']?.['Properties'].PolicyDocument,
);
const exempt = (sid: string): string => JSON.stringify(denied(sid)?.condition);
const denied = (sid: string) => vaultPolicy.find((statement) => statement.sid === sid);
const WRITER_IDS = [
  'OpenRunRole',
  'ProtectShardRole',
  'JoinGroupRole',
  'CommitPointRole',
  'CommitImageRole',
  'ConsolidatePointRole',
];

describe('the vault', () => {
  test('is versioned, locked and closed to the public', () => {
    storage.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        BucketName: Match.absent(),
        ObjectLockEnabled: true,
        ObjectLockConfiguration: { Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 1 } } },
        VersioningConfiguration: { Status: 'Enabled' },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [
            {
              ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' },
              BlockedEncryptionTypes: { EncryptionType: ['SSE-C'] },
            },
          ],
        },
        LifecycleConfiguration: {
          Rules: [{ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 }, Status: 'Enabled' }],
        },
      },
    });
  });

  test('is locked in the mode that is configured', () => {
    synthesize({ lockMode: 'compliance' }).storage.hasResourceProperties('AWS::S3::Bucket', {
      ObjectLockConfiguration: { Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 1 } } },
    });
  });

  test('refuses delete markers, whoever asks', () => {
    expect(denied('NoDeleteMarkers')).toMatchObject({ effect: 'Deny', actions: ['s3:DeleteObject'] });
    expect(denied('NoDeleteMarkers')?.condition).toBeUndefined();
  });

  test('refuses plain HTTP and old TLS', () => {
    expect(denied('OnlyTls')).toMatchObject({
      actions: ['s3:*'],
      condition: { Bool: { 'aws:SecureTransport': 'false' } },
    });
    expect(denied('OnlyModernTls')).toMatchObject({
      actions: ['s3:*'],
      condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } },
    });
  });

  test('takes objects from the roles of writing functions only', () => {
    const writers = JSON.stringify(
      denied('OnlyWritersWrite')?.condition?.['ArnNotEquals']?.['aws:PrincipalArn'],
    );

    expect(denied('OnlyWritersWrite')?.actions).toContain('s3:PutObject');
    for (const id of WRITER_IDS) expect(writers).toContain(id);
    expect(writers).not.toContain('People');
  });

  test('takes a name once', () => {
    expect(denied('NamesAreWrittenOnce')).toMatchObject({
      effect: 'Deny',
      actions: ['s3:PutObject'],
      condition: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
    });
  });

  test('lets nobody bypass a lock', () => {
    expect(denied('NobodyBypassesLocks')?.actions).toEqual(['s3:BypassGovernanceRetention']);
    expect(denied('NobodyBypassesLocks')?.condition).toBeUndefined();
  });

  test('leaves its configuration to CloudFormation, and its policy to break-glass as well', () => {
    expect(exempt('ConfigurationIsDeployed')).toContain('cfn-exec-role');
    expect(exempt('ConfigurationIsDeployed')).not.toContain('BreakGlass');
    expect(exempt('ThisPolicyStays')).toContain('cfn-exec-role');
    expect(exempt('ThisPolicyStays')).toContain('BreakGlass');
  });
});

describe('what goes with the vault', () => {
  test('is a multi-region key that rotates and that is not ended in passing', () => {
    storage.hasResource('AWS::KMS::Key', {
      DeletionPolicy: 'Retain',
      Properties: {
        MultiRegion: true,
        EnableKeyRotation: true,
        KeyPolicy: {
          Statement: Match.arrayWith([Match.objectLike({ Sid: 'OnlyBreakGlassEndsTheKey', Effect: 'Deny' })]),
        },
      },
    });
  });

  test('is a catalog that can be recovered and not be deleted', () => {
    storage.hasResource('AWS::DynamoDB::GlobalTable', {
      DeletionPolicy: 'Retain',
      Properties: {
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [
          { AttributeName: 'PK', KeyType: 'HASH' },
          { AttributeName: 'SK', KeyType: 'RANGE' },
        ],
        GlobalSecondaryIndexes: ['GSI1', 'GSI2'].map((IndexName) =>
          Match.objectLike({ IndexName, Projection: { ProjectionType: 'ALL' } }),
        ),
        TimeToLiveSpecification: { AttributeName: catalogEnd, Enabled: true },
        Replicas: [
          Match.objectLike({
            DeletionProtectionEnabled: true,
            PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          }),
        ],
      },
    });
  });

  test('is a chunk index with a binary key', () => {
    storage.hasResource('AWS::DynamoDB::GlobalTable', {
      DeletionPolicy: 'Retain',
      Properties: {
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'B' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      },
    });
  });

  test('is a work bucket without locks whose content expires', () => {
    storage.hasResourceProperties('AWS::S3::Bucket', {
      ObjectLockEnabled: Match.absent(),
      LifecycleConfiguration: {
        Rules: [
          {
            ExpirationInDays: 14,
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
            Status: 'Enabled',
          },
        ],
      },
    });
  });

  test('is four roles for people, assumed with MFA', () => {
    const roles = Object.entries(storage.findResources('AWS::IAM::Role')).filter(([id]) =>
      id.startsWith('People'),
    );

    expect(roles).toHaveLength(4);
    for (const [, role] of roles) {
      expect(role['Properties'].AssumeRolePolicyDocument.Statement).toEqual([
        expect.objectContaining({ Condition: { Bool: { 'aws:MultiFactorAuthPresent': 'true' } } }),
      ]);
    }
  });
});

test('the stack cannot be deleted by accident', () => {
  expect(makeApp().stacks.storage.terminationProtection).toBe(true);
});

test('stateful resources keep their logical ids', () => {
  const stateful = Object.entries(
    storage.toJSON()['Resources'] as Record<string, { Type: string; DeletionPolicy?: string }>,
  )
    .filter(([, resource]) => resource.DeletionPolicy === 'Retain')
    .map(([id, resource]) => `${resource.Type} ${id}`);

  // A changed id makes CloudFormation create an empty vault beside the full one.
  expect(stateful.sort()).toEqual([
    'AWS::DynamoDB::GlobalTable Catalog742F25FD',
    'AWS::DynamoDB::GlobalTable ChunkIndex0F55C02B',
    'AWS::KMS::Key VaultKey6B75F33E',
    'AWS::S3::Bucket Vault23237E5B',
    'AWS::S3::Bucket VaultTrailLog861D146E',
    'AWS::S3::Bucket WorkBF636A8B',
  ]);
});

describe('an existing vault', () => {
  const adopted = synthesize({
    existingVault: {
      bucketName: 'kept-vault',
      keyArn: 'arn:aws:kms:eu-central-1:111122223333:key/mrk-1234',
      catalogTable: 'kept-catalog',
      chunkIndexTable: 'kept-chunks',
    },
  });

  test('is adopted, not made again', () => {
    adopted.storage.resourceCountIs('AWS::KMS::Key', 0);
    adopted.storage.resourceCountIs('AWS::DynamoDB::GlobalTable', 0);
    const buckets = Object.keys(adopted.storage.findResources('AWS::S3::Bucket'));
    expect(buckets.filter((id) => !/^(Work|VaultTrailLog)/.test(id))).toEqual([]);
    adopted.storage.hasOutput('VaultBucketName', { Value: 'kept-vault' });
    adopted.storage.hasOutput('CatalogTableName', { Value: 'kept-catalog' });
  });

  test('gets the same policy as one that is made', () => {
    const policy = Object.values(adopted.storage.findResources('AWS::S3::BucketPolicy'))
      .filter(({ Properties }) => Properties.Bucket === 'kept-vault')
      .flatMap(({ Properties }) => toStatements(Properties.PolicyDocument));

    expect(policy.map(({ sid }) => sid)).toEqual(vaultPolicy.map(({ sid }) => sid));
  });

  test('is what the functions are told of', () => {
    adopted.pipeline.hasResourceProperties('AWS::Lambda::Function', {
      Description: 'Holdfast protect-shard',
      Environment: {
        Variables: Match.objectLike({ VAULT_BUCKET: 'kept-vault', CHUNK_INDEX_TABLE: 'kept-chunks' }),
      },
    });
  });
});
