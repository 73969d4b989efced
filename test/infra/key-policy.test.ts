import { App, CliCredentialsStackSynthesizer, Stack } from 'aws-cdk-lib';
import {
  AccountRootPrincipal,
  AnyPrincipal,
  Effect,
  PolicyStatement,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import { describe, expect, test } from 'vitest';
import { deployRoleArnOf } from '../../lib/vault/deploy-role.ts';
import { VaultKey } from '../../lib/vault/vault-key.ts';
import { DeploymentConfigError } from '../../lib/deployment-config-error.ts';
import { roleSession, type Principal } from './principals.ts';
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

const { storage } = synthesize();
const [keyId = '', key] = Object.entries(storage.findResources('AWS::KMS::Key'))[0] ?? [];
const policy = resolved(storage, key?.['Properties'].KeyPolicy) as PolicyDocument;
const keyArn = `arn:aws:kms:${PLACE.region}:${PLACE.account}:key/${keyId}`;
const find = (part: string): string =>
  Object.keys(storage.findResources('AWS::IAM::Role')).find((id) => id.includes(part)) ?? part;
const breakGlass = roleSession(roleArn(find('BreakGlass')));
const cloudFormation = roleSession(roleArn(`cdk-hnb659fds-cfn-exec-role-${PLACE.account}-${PLACE.region}`));
const administratorArn = roleArn('Administrator');
const administrator = roleSession(administratorArn);
const writer = roleSession(roleArn(find('OpenRunRole')));
const ask = (principal: Principal, action: string): AccessRequest => ({
  principal,
  action,
  resource: keyArn,
});

const ENDS = ['kms:ScheduleKeyDeletion', 'kms:DisableKey', 'kms:DeleteImportedKeyMaterial'] as const;
const cases = {
  OnlyBreakGlassEndsTheKey: {
    allowed: ENDS.map((action) => ask(breakGlass, action)),
    denied: ENDS.flatMap((action) =>
      [administrator, cloudFormation, writer].map((role) => ask(role, action)),
    ),
  },
  ThisPolicyStays: {
    allowed: [breakGlass, cloudFormation].map((role) => ask(role, 'kms:PutKeyPolicy')),
    denied: [administrator, writer].map((role) => ask(role, 'kms:PutKeyPolicy')),
  },
};

describe('the policy of the key', () => {
  test('has a case for each denial', () => {
    const denials = policy.Statement.filter(({ Effect: effect }) => effect === 'Deny');
    expect(denials.map(({ Sid }) => Sid)).toEqual(Object.keys(cases));
  });

  test.each(Object.entries(cases))(
    '%s lets through who is exempt, given the permission',
    async (_, { allowed }) => {
      for (const request of allowed)
        expect(await isAllowed(request, policy), JSON.stringify(request)).toBe(true);
    },
  );

  test.each(Object.entries(cases))(
    '%s denies, whatever the role may otherwise do',
    async (sid, { denied }) => {
      for (const request of denied) {
        expect(await isAllowed(request, policy), JSON.stringify(request)).toBe(false);
        expect(await isAllowed(request, without(policy, sid)), JSON.stringify(request)).toBe(true);
      }
    },
  );

  test('without what it allows to the account, nobody could use the key', async () => {
    const denialsOnly = {
      ...policy,
      Statement: policy.Statement.filter(({ Effect: effect }) => effect === 'Deny'),
    };

    expect(await isAllowed(ask(writer, 'kms:Decrypt'), policy)).toBe(true);
    expect(await isAllowed(ask(writer, 'kms:Decrypt'), denialsOnly)).toBe(false);
    expect(await isAllowed(ask(breakGlass, 'kms:PutKeyPolicy'), denialsOnly)).toBe(false);
  });

  test('is mended in a session of break-glass with what its role has; the key is not ended in one', async () => {
    const own = Object.values(storage.findResources('AWS::IAM::Policy')).find(({ Properties }) =>
      JSON.stringify(Properties.Roles).includes('BreakGlass'),
    );
    const identity = resolved(storage, own?.['Properties'].PolicyDocument);

    for (const action of ['kms:PutKeyPolicy', 'kms:EnableKey', 'kms:CancelKeyDeletion'])
      expect(await isAllowed(ask(breakGlass, action), policy, identity), action).toBe(true);
    for (const action of ENDS)
      expect(await isAllowed(ask(breakGlass, action), policy, identity), action).toBe(false);
  });
});

function deny(actions: string[], conditions?: Record<string, Record<string, string>>): PolicyStatement {
  return new PolicyStatement({
    sid: 'Added',
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions,
    resources: ['*'],
    conditions,
  });
}

describe('the synthesis', () => {
  interface Change {
    readonly trust?: 'service';
    readonly statement?: PolicyStatement;
  }
  const errorsOf = ({ trust, statement }: Change): string => {
    const app = new App();
    const stack = new Stack(app, 'Keys', { env: PLACE });
    const role = new Role(stack, 'BreakGlass', {
      assumedBy:
        trust === 'service' ? new ServicePrincipal('lambda.amazonaws.com') : new AccountRootPrincipal(),
    });
    const made = new VaultKey(stack, 'Key', {
      deploymentName: 'Keys',
      breakGlass: role,
      deployRoleArn: deployRoleArnOf(stack),
    });
    if (statement !== undefined) made.addToResourcePolicy(statement);
    try {
      app.synth();
    } catch (error) {
      return (error as Error).message;
    }
    return 'none';
  };
  test('accepts the policy as it is, and more denials of other actions', () => {
    expect(errorsOf({})).toBe('none');
    expect(errorsOf({ statement: deny(['kms:CreateGrant']) })).toBe('none');
  });

  test.each([
    ['denies the change to all', deny(['kms:PutKeyPolicy'])],
    ['denies everything', deny(['kms:*'])],
    ['hides it behind a wildcard', deny(['kms:Put*'])],
    [
      'exempts somebody else only',
      deny(['kms:PutKeyPolicy'], { ArnNotEquals: { 'aws:PrincipalArn': administratorArn } }),
    ],
    [
      'has a condition that may or may not hold',
      deny(['kms:PutKeyPolicy'], { Bool: { 'aws:ViaAWSService': 'false' } }),
    ],
  ])('fails when another statement %s', (_, statement) => {
    const errors = errorsOf({ statement });

    expect(errors).toMatch(/statement Added .* denies kms:PutKeyPolicy to the break-glass role/);
    expect(errors).toMatch(/statement Added .* denies kms:PutKeyPolicy to CloudFormation's role/);
    expect(errors).toContain('exempt it with ArnNotEquals on aws:PrincipalArn');
  });

  test('fails when nobody of the account can assume the break-glass role', () => {
    expect(errorsOf({ trust: 'service' })).toContain('let its trust policy name the account root');
  });

  test('fails when the stack is deployed without the role that the policies have to name', () => {
    const stack = new Stack(new App(), 'Keys', { synthesizer: new CliCredentialsStackSynthesizer() });

    expect(() => deployRoleArnOf(stack)).toThrow(DeploymentConfigError);
    expect(() => deployRoleArnOf(stack)).toThrow(/cdk bootstrap/);
  });

  test('names the role of the qualifier that the account was bootstrapped with', () => {
    const app = new App({ context: { '@aws-cdk/core:bootstrapQualifier': 'backups' } });
    const stack = new Stack(app, 'Keys', { env: PLACE });

    expect(resolved(storage, stack.resolve(deployRoleArnOf(stack)))).toBe(
      roleArn(`cdk-backups-cfn-exec-role-${PLACE.account}-${PLACE.region}`),
    );
  });
});
