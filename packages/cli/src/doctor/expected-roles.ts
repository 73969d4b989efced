import type { RoleUser } from '@holdfast/aws/iam';
import { InvalidInputError } from '@holdfast/engine';
import { statementsOf, type Statement } from './policy-rights.ts';
import type { DeployedStack, TemplateValues } from './template-values.ts';

/** A function, state machine or schedule of the templates. */
export interface ExpectedUser extends RoleUser {
  readonly name: string;
  /** Work that stands still without it. */
  readonly consequence: string;
}

/** An inline policy of a role, as the templates have it. */
export interface DeclaredPolicy {
  readonly name: string;
  readonly document: unknown;
  readonly statements: readonly Statement[];
}

/** Permissions that the templates give to a role. */
export interface Declared {
  readonly trust: readonly Statement[];
  readonly policies: readonly DeclaredPolicy[];
  readonly attached: readonly string[];
  readonly boundary: string | undefined;
}

/** A role of the deployed templates. */
export interface ExpectedRole {
  readonly roleName: string;
  /** Names of its users; of a role for people, its own in the template. */
  readonly who: string;
  readonly users: readonly ExpectedUser[];
  /** @throws {@link InvalidInputError} a template alone does not tell. */
  readonly declared: () => Declared;
}

/** The work of a machine's functions, by the name of the file that has their handlers. */
const consequences: Readonly<Record<string, string>> = {
  cycle: 'plans are not backed up',
  protect: 'backups fail',
  image: 'backups of volumes and instances fail',
  restore: 'restores fail',
  hold: 'holds are neither set nor released',
  maintenance: 'points do not expire, and are not verified',
  watch: 'nobody is told of what fails',
};

interface Resource {
  readonly name: string;
  readonly type: string;
  readonly physicalId: string;
  /** A property, or a part of one. @throws {@link InvalidInputError} a template alone does not tell. */
  readonly resolve: (...path: readonly string[]) => unknown;
}

/** The roles of the templates, and who works with each. */
export function expectedRoles(
  stacks: readonly DeployedStack[],
  values: TemplateValues,
): readonly ExpectedRole[] {
  const resources = stacks.flatMap((stack) =>
    Object.entries(stack.template.Resources).flatMap(([id, { Type, Properties = {} }]): Resource[] => {
      const physicalId = stack.physicalIds.get(id);
      // One whose condition does not hold was never made.
      if (physicalId === undefined) return [];
      const resolve: Resource['resolve'] = (...path) => values.resolve(stack, partAt(Properties, path));
      return [{ name: id.replace(/[0-9A-F]{8}$/, ''), type: Type, physicalId, resolve }];
    }),
  );
  const of = (...types: readonly string[]) => resources.filter(({ type }) => types.includes(type));
  const users = resources.flatMap((resource) => {
    const user = ofOurs(() => userOf(resource));
    return user === undefined ? [] : [user];
  });
  return of('AWS::IAM::Role').map((role) => {
    const own = users
      .filter(({ roleArn }) => roleNameOf(roleArn) === role.physicalId)
      .map(({ user }) => user);
    return {
      roleName: role.physicalId,
      who: own.map(({ name }) => name).join(', ') || role.name,
      users: own,
      declared: () => declaredOf(role, of('AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy')),
    };
  });
}

function declaredOf({ physicalId, resolve }: Resource, policies: readonly Resource[]): Declared {
  const given = policies.filter((policy) =>
    listOf(ofOurs(() => policy.resolve('Roles'))).includes(physicalId),
  );
  const inline = [
    ...given
      .filter(({ type }) => type === 'AWS::IAM::Policy')
      .map((policy) => ({
        PolicyName: policy.resolve('PolicyName'),
        PolicyDocument: policy.resolve('PolicyDocument'),
      })),
    ...(listOf(resolve('Policies')) as { PolicyName: unknown; PolicyDocument: unknown }[]),
  ];
  return {
    trust: statementsOf(resolve('AssumeRolePolicyDocument')) ?? [],
    policies: inline.map(({ PolicyName, PolicyDocument }) => ({
      name: String(PolicyName),
      document: PolicyDocument,
      statements: statementsOf(PolicyDocument) ?? [],
    })),
    attached: [
      ...listOf(resolve('ManagedPolicyArns')).map(String),
      ...given.filter(({ type }) => type !== 'AWS::IAM::Policy').map((policy) => policy.physicalId),
    ],
    boundary: resolve('PermissionsBoundary') as string | undefined,
  };
}

function userOf({
  name,
  type,
  physicalId,
  resolve,
}: Resource): { readonly roleArn: string; readonly user: ExpectedUser } | undefined {
  switch (type) {
    case 'AWS::Lambda::Function': {
      const [machine = ''] = String(resolve('Handler')).split('.');
      const step = resolve('Environment', 'Variables', 'STEP');
      const consequence = consequences[machine] ?? 'it fails';
      return {
        roleArn: String(resolve('Role')),
        user: { kind: 'function', physicalId, name: typeof step === 'string' ? step : name, consequence },
      };
    }
    case 'AWS::StepFunctions::StateMachine':
      return {
        roleArn: String(resolve('RoleArn')),
        user: { kind: 'state machine', physicalId, name, consequence: 'it fails' },
      };
    case 'AWS::Scheduler::Schedule': {
      const group = resolve('GroupName') as string | undefined;
      const consequence = 'nothing starts by itself';
      return {
        roleArn: String(resolve('Target', 'RoleArn')),
        user: { kind: 'schedule', physicalId, group, name, consequence },
      };
    }
    default:
      return undefined;
  }
}

/** The name of a role by its ARN, which may have a path. */
export function roleNameOf(arn: string): string {
  return arn.replace(/^.*\//, '');
}

/** `undefined` where the template alone does not tell: one of these roles it tells, so another application's is meant. */
function ofOurs<Found>(find: () => Found): Found | undefined {
  try {
    return find();
  } catch (error) {
    if (error instanceof InvalidInputError) return undefined;
    throw error;
  }
}

function partAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce(
    (part, key) =>
      typeof part === 'object' && part !== null
        ? (part as Readonly<Record<string, unknown>>)[key]
        : undefined,
    value,
  );
}

function listOf(value: unknown): readonly unknown[] {
  return value === undefined ? [] : [value].flat();
}
