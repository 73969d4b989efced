import { Stack, Validations } from 'aws-cdk-lib';
import { Policy, type CfnPolicy, type IRole, type PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { rules } from 'cdk-nag';
import type { Construct } from 'constructs';

/** Properties of {@link ExactPolicy}. */
export interface ExactPolicyProps {
  readonly role: IRole;
  /** What is allowed; each has a sid that says what for. */
  readonly statements: readonly PolicyStatement[];
}

interface StatementJson {
  readonly Sid: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: Readonly<Record<string, object>>;
}

/**
 * What one role may do. A wildcard is let in only when a condition stands beside it in the same statement, and is
 * then acknowledged for cdk-nag with that condition as the reason; any other fails the synthesis.
 */
export class ExactPolicy extends Policy {
  constructor(scope: Construct, id: string, props: ExactPolicyProps) {
    super(scope, id, { roles: [props.role], statements: [...props.statements] });
    // References to other stacks, and with them the findings, have their final form from here on only.
    this.node.addValidation({ validate: () => this.checkWildcards() });
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
}

function conditionKeys(statement: StatementJson): string[] {
  return Object.values(statement.Condition ?? {}).flatMap((operands) => Object.keys(operands));
}
