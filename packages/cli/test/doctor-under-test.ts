import { expect } from 'vitest';
import type { RolePermissions } from '@holdfast/aws/iam';
import type { StackTemplate } from '../src/doctor/stack-template.ts';
import { CliUnderTest } from './cli-under-test.ts';

export const denial = (Sid: string, ...Action: string[]) => ({ Sid, Effect: 'Deny', Action });
const deployedPolicy = {
  Statement: [denial('NoDeleteMarkers', 's3:DeleteObject'), denial('OnlyTls', 's3:*')],
};
export const vault = {
  Type: 'AWS::S3::Bucket',
  Properties: { ObjectLockEnabled: true },
  DeletionPolicy: 'Retain',
  UpdateReplacePolicy: 'Retain',
};
export const storage: StackTemplate = {
  Resources: {
    Vault: vault,
    VaultPolicy: {
      Type: 'AWS::S3::BucketPolicy',
      Properties: { Bucket: { Ref: 'Vault' }, PolicyDocument: deployedPolicy },
    },
    Catalog: {
      Type: 'AWS::DynamoDB::GlobalTable',
      Properties: { KeySchema: [{ AttributeName: 'PK', KeyType: 'HASH' }] },
      DeletionPolicy: 'Retain',
    },
  },
};
export const ofFunction = (changes: object = {}) => ({
  Type: 'AWS::Lambda::Function',
  Properties: { Runtime: 'nodejs24.x', Code: { S3Key: 'a' }, MemorySize: 256, ...changes },
});
export const allowed = (actions: string | string[], on: unknown) => ({
  Effect: 'Allow',
  Action: actions,
  Resource: on,
});
export const trusted = {
  Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: 'lambda.amazonaws.com' } }],
};
const packs = { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':s3:::vault/packs/*']] };
/** A function, and the role that it works with. */
export const protectShard: StackTemplate['Resources'] = {
  ShardRole: { Type: 'AWS::IAM::Role', Properties: { AssumeRolePolicyDocument: trusted } },
  ShardPolicy: {
    Type: 'AWS::IAM::Policy',
    Properties: {
      PolicyName: 'ShardPolicy',
      Roles: [{ Ref: 'ShardRole' }],
      PolicyDocument: { Statement: [allowed(['s3:PutObject', 's3:GetObject'], packs)] },
    },
  },
  Shard: {
    Type: 'AWS::Lambda::Function',
    Properties: {
      Handler: 'protect.handler',
      Environment: { Variables: { STEP: 'protect-shard', OTHER: { 'Fn::GetAtt': ['Unknown', 'Thing'] } } },
      Role: { 'Fn::GetAtt': ['ShardRole', 'Arn'] },
    },
  },
};
export const pipeline: StackTemplate = {
  Resources: { OpenRun: ofFunction(), ListShards: ofFunction(), Sweep: ofFunction(), ...protectShard },
};
const shardRole = 'arn:aws:iam::111122223333:role/HoldfastPipeline-ShardRole';
export const put = allowed('s3:PutObject', 'arn:aws:s3:::vault/packs/*');
export const get = allowed('s3:GetObject', 'arn:aws:s3:::vault/packs/*');

function answer<Value>(value: Value | Error): Value {
  if (value instanceof Error) throw value;
  return value;
}

/** Has the account answer about the role of protect-shard. */
export function account(
  cli: CliUnderTest,
  role: Partial<RolePermissions> | Error | undefined,
  usedRole: string | Error | undefined = shardRole,
): void {
  const whole = { trust: trusted, boundary: undefined, policies: [inline(put, get)] };
  cli.roles = {
    find: async () => (role === undefined || role instanceof Error ? answer(role) : { ...whole, ...role }),
    findRoleOf: async () => answer(usedRole),
  };
}

export const policy = (name: string, isAttached: boolean, ...Statement: object[]) => ({
  name,
  isAttached,
  document: { Statement },
});
export const inline = (...statements: object[]) => policy('ShardPolicy', false, ...statements);

/** A deployment of which everything is as it must be. */
export async function openDeployment(): Promise<CliUnderTest> {
  const cli = new CliUnderTest();
  await cli.backUpThreeFiles();
  cli.templates = { HoldfastStorage: storage, HoldfastPipeline: pipeline };
  account(cli, {});
  cli.executions.cycles = [
    { name: 'maintenance', status: 'succeeded', startedAt: new Date('2026-11-23T05:00:00Z') },
  ];
  cli.protection = [
    { what: 'object lock of the bucket', value: { ObjectLockEnabled: 'Enabled' } },
    { what: 'versions of the bucket', value: { Status: 'Enabled' } },
    {
      what: 'policy of the bucket',
      // As S3 gives it back: a list of one is a text.
      value: {
        Statement: [{ ...denial('OnlyTls'), Action: 's3:*' }, denial('NoDeleteMarkers', 's3:DeleteObject')],
      },
    },
    {
      what: 'public access to the bucket',
      value: {
        BlockPublicAcls: true,
        IgnorePublicAcls: true,
        BlockPublicPolicy: true,
        RestrictPublicBuckets: true,
      },
    },
    { what: 'key of the vault', value: { KeyState: 'Enabled' } },
    { what: 'trails over the bucket', value: [{ IsLogging: true }] },
  ];
  return cli;
}

/** Runs doctor. @returns its findings that are not good, by what they are about. */
export async function attention(cli: CliUnderTest): Promise<Record<string, string>> {
  const { code, out } = await cli.run('doctor', '--json');
  const { checks } = JSON.parse(out) as { checks: { what: string; state: string; finding: string }[] };
  const found = checks.filter(({ state }) => state !== 'good');
  expect(code).toBe(found.some(({ state }) => state === 'attention') ? 1 : 0);
  return Object.fromEntries(found.map(({ what, state, finding }) => [what, `${state}: ${finding}`]));
}
