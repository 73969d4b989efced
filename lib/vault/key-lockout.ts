import * as z from 'zod';

const list = <Item extends z.ZodType>(item: Item) =>
  z.union([item, z.array(item)]).transform((value): z.output<Item>[] => [value].flat() as z.output<Item>[]);
const Statement = z.looseObject({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Action: list(z.string()),
  Principal: z.unknown(),
  Condition: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
});
type Statement = z.output<typeof Statement>;
const Document = z.looseObject({ Statement: z.array(Statement) });

/** A key's policy and those who have to be able to administer the key, all as they stand in the template. */
export interface KeyAdministration {
  readonly policy: unknown;
  /** Name in a message → ARN, which may be a reference. */
  readonly administrators: Readonly<Record<string, unknown>>;
  /** The trust policy of the role that people assume. */
  readonly trust: unknown;
}

const CHANGE = 'kms:PutKeyPolicy';

/**
 * Reasons why a key could not be administered any more once it is deployed, one sentence each; none when it can.
 * Conditions other than a list of exempted principals cannot be judged here, and count as locking out.
 */
export function findLockouts({ policy, administrators, trust }: KeyAdministration): string[] {
  const statements = Document.parse(policy).Statement;
  const problems: string[] = [];
  if (!statements.some((statement) => delegatesToAccount(statement))) {
    problems.push(
      `the policy of the vault's key allows ${CHANGE} to no account, so no role could administer the key; ` +
        'keep the statement that gives kms:* to the account root',
    );
  }
  for (const [name, arn] of Object.entries(administrators)) {
    for (const statement of statements) {
      if (statement.Effect === 'Deny' && covers(statement, CHANGE) && !exempts(statement, arn)) {
        problems.push(
          `statement ${statement.Sid ?? '(without a Sid)'} of the policy of the vault's key denies ${CHANGE} to ${name}, ` +
            'and nobody could mend that later; exempt it with ArnNotEquals on aws:PrincipalArn',
        );
      }
    }
  }
  const assumable = Document.parse(trust).Statement.some(
    (statement) =>
      statement.Effect === 'Allow' && covers(statement, 'sts:AssumeRole') && namesAccount(statement),
  );
  if (!assumable) {
    problems.push(
      "the break-glass role, which alone may change the policy of the vault's key by hand, can be assumed by nobody of " +
        'the account; let its trust policy name the account root',
    );
  }
  return problems;
}

function delegatesToAccount(statement: Statement): boolean {
  return (
    statement.Effect === 'Allow' &&
    covers(statement, CHANGE) &&
    statement.Condition === undefined &&
    namesAccount(statement)
  );
}

function namesAccount({ Principal }: Statement): boolean {
  return JSON.stringify(Principal ?? '').includes(':root');
}

function covers({ Action }: Statement, action: string): boolean {
  const [service = ''] = action.split(':');
  return Action.some((pattern) => {
    if (!pattern.includes('*')) return pattern.toLowerCase() === action.toLowerCase();
    const prefix = pattern.slice(0, pattern.indexOf('*')).toLowerCase();
    return pattern === '*' || (prefix.startsWith(`${service}:`) && action.toLowerCase().startsWith(prefix));
  });
}

/** True when the only condition is a list of principals to leave alone, and this is one of them. */
function exempts({ Condition = {} }: Statement, arn: unknown): boolean {
  const exempted = Object.entries(Condition).flatMap(([operator, keys]) =>
    operator === 'ArnNotEquals' || operator === 'ArnNotLike' ? [keys['aws:PrincipalArn']].flat() : [],
  );
  return exempted.some((one) => JSON.stringify(one) === JSON.stringify(arn));
}
