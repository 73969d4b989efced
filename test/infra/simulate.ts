import { runSimulation } from '@cloud-copilot/iam-simulate';
import type { Template } from 'aws-cdk-lib/assertions';
import type { Principal } from './principals.ts';

/** The account and region that templates are resolved for. */
export const PLACE = { account: '111122223333', region: 'eu-central-1' } as const;

/** A policy as IAM reads it: no references left. */
export interface PolicyDocument {
  readonly Version: string;
  readonly Statement: readonly { readonly Sid: string; readonly [element: string]: unknown }[];
}

/** A request as IAM sees it. */
export interface AccessRequest {
  /** Who asks, with what AWS says of them. */
  readonly principal: Principal;
  readonly action: string;
  /** ARN. */
  readonly resource: string;
  /** What the call itself says: its parameters, tags and transport. Nothing about who asks. */
  readonly context?: Readonly<Record<string, string>>;
}

type Intrinsic = Readonly<Record<string, unknown>>;

/** ARN that a role of a template is given here. */
export function roleArn(logicalId: string): string {
  return `arn:aws:iam::${PLACE.account}:role/${logicalId}`;
}

/**
 * Replaces the references of a template's part by what they would be in an account.
 * @param exporter - the template that what it imports comes from.
 */
export function resolved(template: Template, part: unknown, exporter?: Template): unknown {
  const inner = (value: unknown): unknown => resolved(template, value, exporter);
  if (Array.isArray(part)) return part.map(inner);
  if (typeof part !== 'object' || part === null) return part;
  const [name, ...others] = Object.keys(part);
  if (name !== undefined && others.length === 0) {
    const value = (part as Intrinsic)[name];
    if (name === 'Ref') return pseudoParameter(value as string) ?? physicalName(template, value as string);
    if (name === 'Fn::GetAtt') return arnOf(template, value as [string, string]);
    if (name === 'Fn::Join') {
      const [separator, items] = value as [string, readonly unknown[]];
      return items.map(inner).join(separator);
    }
    if (name === 'Fn::Sub') {
      return (value as string).replaceAll(
        /\$\{(AWS::\w+)\}/g,
        (_, key: string) => pseudoParameter(key) ?? key,
      );
    }
    if (name === 'Fn::ImportValue' && exporter !== undefined) {
      const outputs = exporter.toJSON()['Outputs'] as Record<string, Intrinsic & { Export?: Intrinsic }>;
      const output = Object.values(outputs).find(({ Export }) => Export?.['Name'] === value);
      return resolved(exporter, output?.['Value']);
    }
    if (name.startsWith('Fn::')) throw new Error(`${name} is not resolved here`);
  }
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, inner(value)]));
}

function pseudoParameter(name: string): string | undefined {
  return {
    'AWS::Partition': 'aws',
    'AWS::AccountId': PLACE.account,
    'AWS::Region': PLACE.region,
    'AWS::URLSuffix': 'amazonaws.com',
  }[name];
}

function physicalName(template: Template, logicalId: string): string {
  return typeOf(template, logicalId) === 'AWS::S3::Bucket' ? logicalId.toLowerCase() : logicalId;
}

function arnOf(template: Template, [logicalId, attribute]: [string, string]): string {
  if (attribute === 'Name') return physicalName(template, logicalId);
  if (attribute !== 'Arn') throw new Error(`${attribute} of ${logicalId} is not resolved here`);
  switch (typeOf(template, logicalId)) {
    case 'AWS::S3::Bucket':
      return `arn:aws:s3:::${physicalName(template, logicalId)}`;
    case 'AWS::KMS::Key':
      return `arn:aws:kms:${PLACE.region}:${PLACE.account}:key/${logicalId}`;
    case 'AWS::IAM::Role':
      return roleArn(logicalId);
    default:
      return `arn:aws:other:${PLACE.region}:${PLACE.account}:${logicalId}`;
  }
}

function typeOf(template: Template, logicalId: string): string {
  const resources = template.toJSON()['Resources'] as Record<string, { Type: string }>;
  const type = resources[logicalId]?.Type;
  if (type === undefined) throw new Error(`${logicalId} is not in the template`);
  return type;
}

const EVERYTHING_ALLOWED = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
};

/** Keys of all services that a call says something with; whatever else begins with `aws:` is about who asks. */
const OF_THE_CALL = /^aws:(SecureTransport|TagKeys|ResourceTag\/.+|RequestTag\/.+)$/;

/**
 * Whether a request is allowed by a resource's policy. The principal's own policy allows everything unless another is
 * given, so a denial is the resource's; a service has none.
 * @throws {@link Error} the policy or the request is not valid, the action does not know a key of the context, or the
 * context says something about who asks.
 */
export async function isAllowed(
  request: AccessRequest,
  resourcePolicy: PolicyDocument,
  identityPolicy: unknown = EVERYTHING_ALLOWED,
): Promise<boolean> {
  const { principal, action, resource, context = {} } = request;
  for (const key of Object.keys(context)) {
    if (key.startsWith('aws:') && !OF_THE_CALL.test(key)) {
      throw new Error(`${key} is not for a test to say; ask as another principal`);
    }
  }
  const simulated = await runSimulation(
    {
      request: {
        principal: principal.name,
        action,
        resource: { resource, accountId: PLACE.account },
        contextVariables: {
          'aws:SecureTransport': 'true',
          'aws:RequestedRegion': PLACE.region,
          'aws:ResourceAccount': PLACE.account,
          ...principal.context,
          ...context,
        },
      },
      identityPolicies: principal.kind === 'service' ? [] : [{ name: 'own', policy: identityPolicy }],
      resourcePolicy,
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
  if (simulated.resultType !== 'single') throw new Error(JSON.stringify(simulated, undefined, 2));
  const ignored = simulated.result.ignoredContextKeys ?? [];
  if (ignored.length > 0) throw new Error(`${action} does not know ${ignored.join(', ')}`);
  return simulated.overallResult === 'Allowed';
}

/** The policy as it would be without one of its statements. */
export function without(policy: PolicyDocument, sid: string): PolicyDocument {
  return { ...policy, Statement: policy.Statement.filter((statement) => statement.Sid !== sid) };
}
