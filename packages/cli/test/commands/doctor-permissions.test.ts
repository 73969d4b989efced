import { AccessDeniedError } from '@holdfast/engine';
import { beforeEach, expect, test } from 'vitest';
import type { CliUnderTest } from '../cli-under-test.ts';
import {
  ofFunction,
  allowed,
  trusted,
  pipeline,
  put,
  get,
  account,
  policy,
  inline,
  attention,
  openDeployment,
} from '../doctor-under-test.ts';

let cli: CliUnderTest;

beforeEach(async () => {
  cli = await openDeployment();
});

const redeploy = '"cdk deploy --revert-drift" puts it back';
const putBack = 'put policy ShardPolicy of role HoldfastPipeline-ShardRole back as --json has it';
const everything = policy('arn:aws:iam::aws:policy/AdministratorAccess', true, allowed('*', '*'));

test.for([
  [
    'may less',
    { policies: [inline(get)] },
    `may no longer s3:PutObject on arn:aws:s3:::vault/packs/*: backups fail; ${putBack}`,
  ],
  [
    'may do it elsewhere only',
    { policies: [inline(get, allowed('s3:PutObject', 'arn:aws:s3:::other/*'))] },
    `may no longer s3:PutObject on arn:aws:s3:::vault/packs/*: backups fail; ${putBack}. Besides, it may also s3:PutObject on arn:aws:s3:::other/*, which nobody deployed; ${putBack}`,
  ],
  [
    'may it on a condition only',
    { policies: [inline(get, { ...put, Condition: { Bool: { 'aws:SecureTransport': true } } })] },
    `may no longer s3:PutObject on arn:aws:s3:::vault/packs/*: backups fail; ${putBack}`,
  ],
  [
    'may more by a policy of its own',
    {
      policies: [
        inline(put, get),
        policy('Hand', false, allowed('s3:DeleteObjectVersion', 'arn:aws:s3:::vault/*')),
      ],
    },
    'may also s3:DeleteObjectVersion on arn:aws:s3:::vault/*, which nobody deployed; delete policy Hand of role HoldfastPipeline-ShardRole',
  ],
  [
    'may everything by an attached policy',
    { policies: [inline(put, get), everything] },
    `may also * on *, which nobody deployed; detach policy ${everything.name} from role HoldfastPipeline-ShardRole`,
  ],
  [
    'has an attached policy that may not be read',
    { policies: [inline(put, get), { ...everything, document: undefined }] },
    `has policy ${everything.name}, which nobody deployed and which may not be read: allow iam:GetPolicy and iam:GetPolicyVersion, or detach it from role HoldfastPipeline-ShardRole`,
  ],
  [
    'is denied something',
    { policies: [inline(put, get, { ...allowed('s3:*', '*'), Effect: 'Deny' })] },
    `is denied s3:* on *, which nobody deployed: backups fail; ${putBack}`,
  ],
  [
    'is bounded',
    { boundary: 'arn:aws:iam::111122223333:policy/Least' },
    'is bounded by arn:aws:iam::111122223333:policy/Least, which nobody deployed: where that does not allow what it needs, backups fail; remove the permissions boundary of role HoldfastPipeline-ShardRole, or deploy with it',
  ],
  [
    'trusts somebody else',
    {
      trust: {
        Statement: [
          ...trusted.Statement,
          { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { AWS: 'arn:aws:iam::444455556666:root' } },
        ],
      },
    },
    `may also be assumed by AWS:444455556666, which nobody deployed; ${redeploy}`,
  ],
  [
    'trusts nobody',
    { trust: { Statement: [] } },
    `may no longer be assumed by Service:lambda.amazonaws.com: backups fail; ${redeploy}`,
  ],
] as const)('says of a function whose role %s what that means, and what to do', async ([, role, finding]) => {
  account(cli, role);

  expect(await attention(cli)).toEqual({ 'permissions of protect-shard': `attention: ${finding}` });
});

test('gives a policy that somebody changed as it was deployed, to be put back', async () => {
  account(cli, { policies: [inline(get)] });

  expect(await cli.json('doctor')).toMatchObject({
    checks: expect.arrayContaining([
      expect.objectContaining({
        what: 'permissions of protect-shard',
        putBack: [
          {
            roleName: 'HoldfastPipeline-ShardRole',
            policyName: 'ShardPolicy',
            document: {
              Statement: [allowed(['s3:PutObject', 's3:GetObject'], 'arn:aws:s3:::vault/packs/*')],
            },
          },
        ],
      }),
    ]),
  });
});

test('says of a role that is gone, and of a function that works as another one, what stands still', async () => {
  account(cli, undefined, undefined);
  cli.roles = { ...cli.roles, findRoleOf: async () => undefined };
  expect(await attention(cli)).toEqual({
    'permissions of protect-shard': `attention: is gone with its role HoldfastPipeline-ShardRole: backups fail; ${redeploy}. Besides, it lacks the function HoldfastPipeline-Shard, which is gone: backups fail; ${redeploy}`,
  });

  account(cli, {}, 'arn:aws:iam::111122223333:role/admin');
  expect(await attention(cli)).toEqual({
    'permissions of protect-shard': `attention: is not that of the function protect-shard, which works as arn:aws:iam::111122223333:role/admin, with whatever that may; ${redeploy}`,
  });
});

test('says nothing of policies that are written otherwise and mean the same', async () => {
  const more = allowed('S3:getobject', ['arn:aws:s3:::vault/packs/0*', 'arn:aws:s3:::vault/packs/*']);
  account(cli, {
    policies: [inline({ ...more, Sid: 'a' }), policy('Split', false, put)],
    trust: { Statement: { ...trusted.Statement[0], Action: ['sts:AssumeRole'] } },
  });

  expect(await attention(cli)).toEqual({});
});

test('does not know what it may not read of roles, and says which rights it needs', async () => {
  account(cli, new AccessDeniedError('reading role R was refused (iam:GetRole)'));
  expect(await attention(cli)).toEqual({
    permissions: expect.stringMatching(
      /^unknown: not known of 1 of 1 role: needs iam:GetRole, iam:ListRolePolicies, .*\(reading role R was refused/,
    ),
  });

  // Who may not look at functions still learns about policies.
  account(cli, { policies: [inline(get)] }, new AccessDeniedError('reading function F was refused'));
  expect(await attention(cli)).toEqual({
    'permissions of protect-shard': expect.stringMatching(/^attention: may no longer s3:PutObject/),
    permissions: expect.stringMatching(/^unknown: not known of 1 of 1 role: .*reading function F/),
  });
});

test('does not know a role whose policy has a value that the template alone does not tell', async () => {
  const Properties = {
    PolicyName: 'P',
    Roles: [{ Ref: 'ShardRole' }],
    PolicyDocument: { Statement: [allowed('s3:GetObject', { 'Fn::If': ['A', 'b', 'c'] })] },
  };
  const Resources = { ...pipeline.Resources, Other: { Type: 'AWS::IAM::Policy', Properties } };
  cli.templates = { ...cli.templates, HoldfastPipeline: { Resources } };

  expect(await attention(cli)).toEqual({
    permissions: expect.stringMatching(
      /^unknown: not known of 1 of 1 role \(Fn::If .* compare it by hand\)$/,
    ),
  });
});

test('knows its roles beside those of another application in its stack, whose values the template alone does not tell', async () => {
  const Roles = [{ Ref: 'RoleNameParameter' }];
  const Resources = {
    ...pipeline.Resources,
    OfOthers: ofFunction({ Handler: 'index.handler', Role: { 'Fn::ImportValue': 'others:role' } }),
    RoleOfOthers: { Type: 'AWS::IAM::Role', Condition: 'IsTest', Properties: {} },
    PolicyOfOthers: {
      Type: 'AWS::IAM::Policy',
      Properties: { PolicyName: 'P', Roles, PolicyDocument: { Statement: [everything] } },
    },
  };
  cli.templates = { ...cli.templates, HoldfastPipeline: { Resources } };
  expect(await attention(cli)).toEqual({});

  account(cli, { policies: [inline(get)] });
  expect(Object.keys(await attention(cli))).toEqual(['permissions of protect-shard']);
});
