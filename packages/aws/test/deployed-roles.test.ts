import {
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  IAMClient,
  ListAttachedRolePoliciesCommand,
  ListRolePoliciesCommand,
} from '@aws-sdk/client-iam';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { DescribeStateMachineCommand, SFNClient } from '@aws-sdk/client-sfn';
import { AccessDeniedError } from '@holdfast/engine';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { DeployedRoles, makeRoleClients } from '../src/iam.ts';

const iam = mockClient(IAMClient);
const lambda = mockClient(LambdaClient);
const scheduler = mockClient(SchedulerClient);
const stepFunctions = mockClient(SFNClient);
const mocks = [iam, lambda, scheduler, stepFunctions];
const roles = new DeployedRoles(makeRoleClients({ region: 'eu-west-1' }));
beforeEach(() => {
  for (const mock of mocks) mock.reset();
  iam
    .on(GetRoleCommand)
    .resolves({ Role: role({ AssumeRolePolicyDocument: encoded('trust') }) })
    .on(ListRolePoliciesCommand)
    .resolves({ PolicyNames: ['a'], IsTruncated: true, Marker: 'm' })
    .on(ListRolePoliciesCommand, { RoleName: 'r', Marker: 'm' })
    .resolves({ PolicyNames: ['b'] })
    .on(GetRolePolicyCommand)
    .callsFake(({ PolicyName }: { PolicyName: string }) => ({ PolicyDocument: encoded(PolicyName) }))
    .on(ListAttachedRolePoliciesCommand)
    .resolves({ AttachedPolicies: [] });
});
afterAll(() => mocks.forEach((mock) => mock.restore()));

/** A document as IAM gives it. */
function encoded(text: string): string {
  return encodeURIComponent(JSON.stringify({ Statement: [{ Resource: `arn:aws:s3:::${text}/+ %*` }] }));
}

function decoded(text: string): unknown {
  return { Statement: [{ Resource: `arn:aws:s3:::${text}/+ %*` }] };
}

function role(rest: object) {
  const CreateDate = new Date(0);
  return { Path: '/', RoleName: 'r', RoleId: 'AROA', Arn: 'arn:aws:iam::1:role/r', CreateDate, ...rest };
}

function sdkError(name: string, status: number): Error {
  return Object.assign(new Error(name), { name, $metadata: { httpStatusCode: status } });
}

test('reads a role with the policies of all pages, decoded', async () => {
  const PermissionsBoundaryArn = 'arn:aws:iam::1:policy/b';
  iam.on(GetRoleCommand).resolves({
    Role: role({
      AssumeRolePolicyDocument: encoded('trust'),
      PermissionsBoundary: { PermissionsBoundaryArn },
    }),
  });

  expect(await roles.find('r')).toEqual({
    trust: decoded('trust'),
    boundary: PermissionsBoundaryArn,
    policies: [
      { name: 'a', isAttached: false, document: decoded('a') },
      { name: 'b', isAttached: false, document: decoded('b') },
    ],
  });
});

test('reads the version of an attached policy that counts; one that may not be read is there all the same', async () => {
  const PolicyArn = 'arn:aws:iam::1:policy/p';
  iam
    .on(ListRolePoliciesCommand)
    .resolves({ PolicyNames: [] })
    .on(ListAttachedRolePoliciesCommand)
    .resolves({ AttachedPolicies: [{ PolicyArn }] })
    .on(GetPolicyCommand)
    .resolves({ Policy: { DefaultVersionId: 'v3' } })
    .on(GetPolicyVersionCommand, { PolicyArn, VersionId: 'v3' })
    .resolves({ PolicyVersion: { Document: encoded('p') } });
  expect((await roles.find('r'))?.policies).toEqual([
    { name: PolicyArn, isAttached: true, document: decoded('p') },
  ]);

  iam.on(GetPolicyCommand).rejects(sdkError('AccessDenied', 403));
  expect((await roles.find('r'))?.policies).toEqual([
    { name: PolicyArn, isAttached: true, document: undefined },
  ]);
});

test('a role that is gone is none, a policy that went while it was read is left out, and a refusal is one', async () => {
  iam
    .on(GetRolePolicyCommand, { RoleName: 'r', PolicyName: 'a' })
    .rejects(sdkError('NoSuchEntityException', 404));
  expect((await roles.find('r'))?.policies.map(({ name }) => name)).toEqual(['b']);

  iam.on(GetRoleCommand).rejects(sdkError('NoSuchEntityException', 404));
  expect(await roles.find('r')).toBeUndefined();

  iam.on(GetRoleCommand).rejects(sdkError('AccessDenied', 403));
  await expect(roles.find('r')).rejects.toThrow(AccessDeniedError);
});

test('finds the role of a function, a state machine and a schedule, and none of what is gone', async () => {
  lambda.on(GetFunctionConfigurationCommand, { FunctionName: 'f' }).resolves({ Role: 'arn:f' });
  stepFunctions
    .on(DescribeStateMachineCommand, { stateMachineArn: 'm' })
    .resolves({ roleArn: 'arn:m', name: 'm', stateMachineArn: 'm', definition: '{}', type: 'STANDARD' });
  scheduler
    .on(GetScheduleCommand, { Name: 's', GroupName: 'g' })
    .resolves({ Target: { Arn: 'arn:t', RoleArn: 'arn:s' } });

  expect(await roles.findRoleOf({ kind: 'function', physicalId: 'f' })).toBe('arn:f');
  expect(await roles.findRoleOf({ kind: 'state machine', physicalId: 'm' })).toBe('arn:m');
  expect(await roles.findRoleOf({ kind: 'schedule', physicalId: 's', group: 'g' })).toBe('arn:s');
  lambda.on(GetFunctionConfigurationCommand).rejects(sdkError('ResourceNotFoundException', 404));
  expect(await roles.findRoleOf({ kind: 'function', physicalId: 'f' })).toBeUndefined();
});
