import { allowedContextKeysForRequest } from '@cloud-copilot/iam-simulate';
import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { KEYS_OF, roleSession, service, user, type Principal } from './principals.ts';
import { isAllowed, PLACE, resolved, roleArn, type PolicyDocument } from './simulate.ts';
import { synthesize, WITH_EVERYTHING } from './synthesize.ts';

type Condition = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** One statement of any policy of the deployment: of a role, of its trust, of a bucket, key, queue or topic. */
interface FoundStatement {
  readonly where: string;
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly principal: unknown;
  readonly condition: Condition;
}

const templates = synthesize(WITH_EVERYTHING);
const statements = Object.values(templates).flatMap((template) => statementsOfTemplate(template));

function statementsOfTemplate(template: Template): FoundStatement[] {
  const resources = template.toJSON()['Resources'] as Record<string, { Properties?: unknown }>;
  return Object.entries(resources).flatMap(([id, { Properties }]) => findStatements(id, Properties));
}

/** Looks for policies wherever they are: no type of resource has to be thought of. */
function findStatements(id: string, part: unknown): FoundStatement[] {
  if (typeof part !== 'object' || part === null) return [];
  const { Statement } = part as { readonly Statement?: unknown };
  const inner = Object.values(part).flatMap((value) => findStatements(id, value));
  if (!Array.isArray(Statement)) return inner;
  const here = (Statement as Record<string, unknown>[]).map((statement, index) => ({
    where: `${id}/${(statement['Sid'] as string | undefined) ?? index}`,
    effect: statement['Effect'] as 'Allow' | 'Deny',
    actions: [statement['Action']].flat() as string[],
    resources: [statement['Resource'] ?? '*'].flat().map((one) => JSON.stringify(one)),
    principal: statement['Principal'],
    condition: (statement['Condition'] ?? {}) as Condition,
  }));
  return [...here, ...inner];
}

/** Every key of a condition, with its operator. */
function keysOf({ condition }: FoundStatement): [operator: string, key: string][] {
  return Object.entries(condition).flatMap(([operator, operands]) =>
    Object.keys(operands).map((key) => [operator, key] as [string, string]),
  );
}

/** Who makes the requests that a statement is about. */
function askers({ principal }: FoundStatement): (keyof typeof KEYS_OF)[] {
  if (principal === undefined) return ['role'];
  if (JSON.stringify(principal).includes('"Service"')) return ['service'];
  return ['role', 'user'];
}

/** Keys of the call that every service has, where its actions know them. */
const OF_TAGS = /^aws:((Resource|Request)Tag\/|TagKeys$)/;

/** Keys that AWS gives to every signed request for a resource of these services, whoever asks. */
const OF_EVERY_REQUEST = new Set(['aws:SecureTransport', 'aws:RequestedRegion', 'aws:ResourceAccount']);

/** A resource as the statement names it, of the type that the action is about. */
function exampleOf({ resources }: FoundStatement, action: string): string {
  const { region, account } = PLACE;
  const [serviceName = ''] = action.split(':');
  const ofType = (type: string): boolean => resources.some((one) => one.includes(`:${type}/`));
  if (serviceName === 's3') {
    return /Bucket|Configuration/.test(action) ? 'arn:aws:s3:::bucket' : 'arn:aws:s3:::bucket/key';
  }
  if (serviceName === 'ec2') {
    if (ofType('snapshot')) return `arn:aws:ec2:${region}::snapshot/snap-1`;
    if (ofType('instance')) return `arn:aws:ec2:${region}:${account}:instance/i-1`;
    if (ofType('image')) return `arn:aws:ec2:${region}::image/ami-1`;
    return ofType('volume') ? `arn:aws:ec2:${region}:${account}:volume/vol-1` : '*';
  }
  const examples: Readonly<Record<string, string>> = {
    kms: `arn:aws:kms:${region}:${account}:key/1`,
    dynamodb: `arn:aws:dynamodb:${region}:${account}:table/t`,
    sts: roleArn('any'),
    sns: `arn:aws:sns:${region}:${account}:topic`,
    sqs: `arn:aws:sqs:${region}:${account}:queue`,
  };
  return examples[serviceName] ?? '*';
}

/** Whether an action's entry in the Service Authorization Reference has a key; those of tags have the tag's name in it. */
async function knows(statement: FoundStatement, action: string, key: string): Promise<boolean> {
  const [serviceName = '', name = ''] = action.split(':');
  const wanted = key.toLowerCase();
  const resource = exampleOf(statement, action);
  const known = await allowedContextKeysForRequest(serviceName, name, resource, true, undefined);
  return known.some((one) => {
    const [prefix = ''] = one.split(/\$\{|<|tag-key/);
    return one === wanted || (one !== prefix && prefix !== '' && wanted.startsWith(prefix));
  });
}

describe('a condition of any policy', () => {
  test('is found, in policies of every kind', () => {
    expect(statements.length).toBeGreaterThan(150);
    expect(statements.filter((one) => keysOf(one).length > 0).length).toBeGreaterThan(90);
    expect(new Set(statements.map(({ principal }) => JSON.stringify(principal)))).toContain('{"AWS":"*"}');
  });

  test('asks for nothing about the principal that its requests do not carry', () => {
    const wrong = statements.flatMap((statement) =>
      keysOf(statement)
        .filter(([, key]) => key.startsWith('aws:') && !OF_TAGS.test(key))
        .filter(([, key]) => !OF_EVERY_REQUEST.has(key))
        .filter(([, key]) => !askers(statement).some((asker) => KEYS_OF[asker].has(key)))
        .map(([, key]) => `${statement.where} asks for ${key}`),
    );

    expect(wrong).toEqual([]);
  });

  test('asks for MFA only where a role is assumed: its session has none', () => {
    const asking = statements.filter((one) => keysOf(one).some(([, key]) => key.includes('MultiFactor')));

    expect(asking).toHaveLength(4);
    for (const { where, actions } of asking) expect(actions, where).toEqual(['sts:AssumeRole']);
  });

  test('asks for nothing about the call that one of its actions does not know', async () => {
    const wrong: string[] = [];
    for (const statement of statements) {
      const keys = keysOf(statement)
        .map(([, key]) => key)
        .filter((key) => !key.startsWith('aws:') || OF_TAGS.test(key));
      for (const action of statement.actions.filter((one) => !one.endsWith(':*'))) {
        for (const key of keys)
          if (!(await knows(statement, action, key))) wrong.push(`${statement.where}: ${action} and ${key}`);
      }
    }

    expect(wrong).toEqual([]);
  });

  test('does not take a request that says nothing for one that says something else', () => {
    const negated = statements.flatMap((statement) =>
      keysOf(statement)
        .filter(
          ([operator]) => /Not(Equals|Like|IpAddress)/.test(operator) || operator.startsWith('ForAllValues:'),
        )
        // Of every signed request. Others are nobody, and what denies all but somebody denies them as well.
        .filter(([, key]) => key !== 'aws:PrincipalArn')
        .map(([, key]) => ({ where: statement.where, key, guard: statement.condition['Null']?.[key] })),
    );

    expect(negated.length).toBeGreaterThan(3);
    for (const { where, key, guard } of negated) expect(guard, `${where} ${key}`).toBe('false');
  });

  /** Actions whose requests carry no account of the resource. */
  const withoutResourceAccount = /^(ebs:|events:|ec2:(CopySnapshot|CopyImage|CreateVolume)$)/;

  test('asks whose a resource is only where the request says so, or where the ARN does too', () => {
    for (const statement of statements) {
      for (const [operator, key] of keysOf(statement)) {
        if (key !== 'aws:ResourceAccount') continue;
        const isSaid = statement.actions.every(
          (action) => action.startsWith('s3:') && !withoutResourceAccount.test(action),
        );
        expect(isSaid || operator === 'StringEqualsIfExists', statement.where).toBe(true);
      }
    }
  });
});

describe('what negated operators do with a key that is not there', () => {
  const administrator = roleSession(roleArn('Administrator'));
  const put = { principal: administrator, action: 's3:PutObjectLegalHold', resource: 'arn:aws:s3:::b/k' };
  const denial = (condition: object): PolicyDocument => ({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'D',
        Effect: 'Deny',
        Principal: '*',
        Action: put.action,
        Resource: put.resource,
        Condition: condition,
      },
    ],
  });
  const off = { 's3:object-lock-legal-hold': 'OFF' };

  test.each([
    ['StringNotEquals denies', { StringNotEquals: off }, false],
    ['StringNotEqualsIfExists denies as well', { StringNotEqualsIfExists: off }, false],
    [
      'with Null beside it, it does not',
      { StringNotEquals: off, Null: { 's3:object-lock-legal-hold': 'false' } },
      true,
    ],
  ])('%s', async (_, condition, allowed) => {
    expect(await isAllowed(put, denial(condition))).toBe(allowed);
  });
});

describe('a role for people', () => {
  const { storage } = templates;
  const roles = Object.entries(storage.findResources('AWS::IAM::Role')).filter(([id]) =>
    id.startsWith('People'),
  );
  const person = `arn:aws:iam::${PLACE.account}:user/somebody`;

  test.each<[string, Principal, boolean]>([
    ['with an MFA code', user(person, 'mfa'), true],
    ['with access keys alone', user(person, 'access-keys'), false],
    ['in a session that was got without a code', user(person, 'session-without-mfa'), false],
    ['out of the session of another role', roleSession(roleArn('Other')), false],
    [
      'as a service',
      service('lambda.amazonaws.com', `arn:aws:lambda:${PLACE.region}:${PLACE.account}:function:f`),
      false,
    ],
  ])('is assumed %s or not', async (_, principal, may) => {
    expect(roles).toHaveLength(4);
    for (const [id, role] of roles) {
      const trust = resolved(storage, role['Properties'].AssumeRolePolicyDocument) as PolicyDocument;
      const request = { principal, action: 'sts:AssumeRole', resource: roleArn(id) };
      expect(await isAllowed(request, trust), id).toBe(may);
    }
  });
});

test('a request of a test says nothing about who asks', async () => {
  const request = {
    principal: roleSession(roleArn('BreakGlass')),
    action: 's3:PutBucketPolicy',
    resource: 'arn:aws:s3:::b',
    context: { 'aws:MultiFactorAuthPresent': 'true' },
  };

  await expect(isAllowed(request, { Version: '2012-10-17', Statement: [] })).rejects.toThrow(
    'aws:MultiFactorAuthPresent is not for a test to say',
  );
});
