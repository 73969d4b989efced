import { AnyPrincipal, Effect, PolicyStatement, type IRole } from 'aws-cdk-lib/aws-iam';

/** Conditions as a policy has them: operator, key, values. */
type Conditions = Readonly<Record<string, Readonly<Record<string, string | number | readonly string[]>>>>;

export interface Denial {
  readonly sid: string;
  readonly actions: readonly string[];
  /** ARNs that it covers; either these or `exceptResources`. */
  readonly resources?: readonly string[];
  /** Covers everything of the bucket but these ARNs. */
  readonly exceptResources?: readonly string[];
  /** @default always */
  readonly conditions?: Conditions;
}

/** Denies to everybody, whatever their own policies say; who is let through has to stand in the conditions. */
export function denyStatement(denial: Denial): PolicyStatement {
  const { sid, actions, resources, exceptResources, conditions } = denial;
  return new PolicyStatement({
    sid,
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: [...actions],
    ...(resources === undefined ? {} : { resources: [...resources] }),
    ...(exceptResources === undefined ? {} : { notResources: [...exceptResources] }),
    conditions,
  });
}

/**
 * The condition of a request that has another value than these. A negated operator alone is also met by a request
 * without any value, `IfExists` or not; a denial would then cover every request without the key.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 */
export function otherThan(key: string, ...values: readonly string[]): Conditions {
  return { Null: { [key]: 'false' }, StringNotEquals: { [key]: values } };
}

/** The condition that lets some roles through a denial. Without roles there is none: nobody is let through. */
export function unlessRole(...roles: readonly (IRole | string)[]): Conditions {
  const arns = [...new Set(roles)].map((role) => (typeof role === 'string' ? role : role.roleArn));
  return arns.length === 0 ? {} : { ArnNotEquals: { 'aws:PrincipalArn': arns } };
}
