import { Stack, Validations } from 'aws-cdk-lib';
import { Policy, type CfnPolicy, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { rules } from 'cdk-nag';
import type { Construct } from 'constructs';

/**
 * All inline policies of a role together, without white space.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 */
const ROLE_POLICY_CHARACTERS = 10_240;

const REFERENCE_LENGTH = 120;
const PSEUDO_LENGTHS: Readonly<Record<string, number>> = {
  'AWS::Partition': 10,
  'AWS::AccountId': 12,
  'AWS::Region': 14,
  'AWS::URLSuffix': 16,
};

/** @param sid - the statement's purpose */
export function allow(
  sid: string,
  actions: readonly string[],
  resources: readonly string[],
  conditions?: Readonly<Record<string, object>>,
): PolicyStatement {
  return new PolicyStatement({ sid, actions: [...actions], resources: [...resources], conditions });
}

/** {@link allow}, and no statement where there are no resources. */
export function allowSome(
  ...[sid, actions, resources, conditions]: Parameters<typeof allow>
): PolicyStatement[] {
  return resources.length === 0 ? [] : [allow(sid, actions, resources, conditions)];
}

export interface ExactPolicyProps {
  readonly role: IRole;
  /** The statements that allow; each has a sid that names its purpose. */
  readonly statements: readonly PolicyStatement[];
}

interface StatementJson {
  readonly Sid: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: Readonly<Record<string, object>>;
}

/**
 * The rights of one role. A wildcard is let in only when a condition stands beside it in the same statement, and is
 * then acknowledged for cdk-nag with that condition as the reason; any other fails the synthesis.
 */
export class ExactPolicy extends Policy {
  constructor(scope: Construct, id: string, props: ExactPolicyProps) {
    super(scope, id, { roles: [props.role], statements: [...props.statements] });
    // References to other stacks, and with them the findings, have their final form from here on only.
    this.node.addValidation({ validate: () => [...this.checkWildcards(), ...this.checkSize()] });
  }

  private checkWildcards(): string[] {
    const document = Stack.of(this).resolve(this.document) as { Statement: readonly StatementJson[] };
    const wild = document.Statement.filter((statement) =>
      JSON.stringify([statement.Action, statement.Resource]).includes('*'),
    );
    const unbounded = wild.filter((statement) => statement.Condition === undefined);
    const bounds = wild.map((statement) => `${statement.Sid} by ${conditionKeys(statement).join(' and ')}`);
    const found = rules.iam.IAMNoWildcardPermissions(this.node.defaultChild as CfnPolicy);
    for (const finding of Array.isArray(found) ? found : []) {
      Validations.of(this).acknowledge({
        id: `AwsSolutions-IAM5[${finding}]`,
        reason: `every wildcard here is narrowed by a condition: ${bounds.join('; ')}`,
      });
    }
    return unbounded.map(
      ({ Sid: sid }) =>
        `statement ${sid} allows a wildcard without a condition; name the resources, or add a condition`,
    );
  }

  private checkSize(): string[] {
    const length = renderedLength(Stack.of(this).resolve(this.document));
    if (length <= ROLE_POLICY_CHARACTERS) return [];
    return [
      `the policy takes ${length} characters, IAM allows a role ${ROLE_POLICY_CHARACTERS}; name fewer buckets and keys ` +
        'in the plans file: a source bucket on which ABAC is enabled needs no name, its tag decides',
    ];
  }
}

/**
 * Characters of a policy as CloudFormation will send it. References count as the longest text that they become here: the
 * ARN of a function or table, with room to spare.
 */
function renderedLength(value: unknown): number {
  if (typeof value === 'string') return JSON.stringify(value).length;
  if (Array.isArray(value)) return value.reduce<number>((total, item) => total + renderedLength(item) + 1, 1);
  if (typeof value !== 'object' || value === null) return String(value).length;
  const entries = Object.entries(value);
  const [key, argument] = entries[0] ?? ['', undefined];
  if (key === 'Ref' && typeof argument === 'string') return PSEUDO_LENGTHS[argument] ?? REFERENCE_LENGTH;
  if (key === 'Fn::Join' && Array.isArray(argument))
    return (argument[1] as unknown[]).reduce<number>(
      (total, part) => total + (typeof part === 'string' ? part.length : renderedLength(part)),
      2,
    );
  if (key.startsWith('Fn::')) return REFERENCE_LENGTH;
  return entries.reduce((total, [name, inner]) => total + name.length + 4 + renderedLength(inner), 1);
}

function conditionKeys(statement: StatementJson): string[] {
  return Object.values(statement.Condition ?? {}).flatMap((operands) => Object.keys(operands));
}
