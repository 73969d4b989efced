import type { RolePermissions, RolePolicy } from '@holdfast/aws/iam';
import {
  type Declared,
  type DeclaredPolicy,
  type ExpectedRole,
  type ExpectedUser,
  roleNameOf,
} from './expected-roles.ts';
import { type Right, rightsBeyond, statementsOf } from './policy-rights.ts';

/** Actions and resources that a finding names; more are counted. */
const mostNamed = 3;

/** CloudFormation sees what was changed of a role and of its users; of inline policies (`AWS::IAM::Policy`), it does not. */
const redeploy = '"cdk deploy --revert-drift" puts it back';

export interface RoleFinding {
  /** The difference to what was deployed, and what to do; the role's users are its subject. */
  readonly text: string;
  /** The policy as it was deployed, where somebody changed or removed it. */
  readonly putBack?: DeclaredPolicy | undefined;
}

/**
 * Findings about a role: the account's permissions of it against those that were deployed, in both directions.
 * @param actual - `undefined` where it is gone.
 */
export function judgeRole(
  { roleName, users }: ExpectedRole,
  declared: Declared,
  actual: RolePermissions | undefined,
): readonly RoleFinding[] {
  const consequence =
    [...new Set(users.map((user) => user.consequence))].join(', ') || 'who assumes it is refused';
  if (actual === undefined)
    return [{ text: `is gone with its role ${roleName}: ${consequence}; ${redeploy}` }];
  const judged = { roleName, consequence, declared, actual };
  const others = [...judgeAttached(judged), ...judgeBoundary(judged), ...judgeTrust(judged)];
  return [...judgePolicies(judged), ...others.map((text) => ({ text }))];
}

/** Findings about something that is to work with the role. @param actual - ARN of the role that it has; `undefined` where it is gone. */
export function judgeUser(
  { roleName }: ExpectedRole,
  { kind, name, physicalId, consequence }: ExpectedUser,
  actual: string | undefined,
): readonly RoleFinding[] {
  if (actual === undefined)
    return [{ text: `lacks the ${kind} ${physicalId}, which is gone: ${consequence}; ${redeploy}` }];
  if (roleNameOf(actual) === roleName) return [];
  const text = `is not that of the ${kind} ${name}, which works as ${actual}, with whatever that may; ${redeploy}`;
  return [{ text }];
}

interface Judged {
  readonly roleName: string;
  /** Work that stands still when it may less. */
  readonly consequence: string;
  readonly declared: Declared;
  readonly actual: RolePermissions;
}

function* judgePolicies({ roleName, consequence, declared, actual }: Judged): Generator<RoleFinding> {
  const has = actual.policies.flatMap(({ document }) => statementsOf(document) ?? []);
  for (const policy of declared.policies) {
    const remedy = putBackText(policy, roleName);
    const lost = rightsBeyond('Allow', policy.statements, has);
    if (lost.length > 0)
      yield { text: `may no longer ${textOf(lost)}: ${consequence}; ${remedy}`, putBack: policy };
    const spared = rightsBeyond('Deny', policy.statements, has);
    if (spared.length > 0)
      yield { text: `is no longer denied ${textOf(spared)}; ${remedy}`, putBack: policy };
  }
  // Statements of attached policies that were deployed are theirs.
  const wanted = [
    ...declared.policies.flatMap(({ statements }) => statements),
    ...actual.policies
      .filter(({ name, isAttached }) => isAttached && declared.attached.includes(name))
      .flatMap(({ document }) => statementsOf(document) ?? []),
  ];
  for (const policy of actual.policies) {
    const statements = statementsOf(policy.document) ?? [];
    const putBack = policy.isAttached
      ? undefined
      : declared.policies.find(({ name }) => name === policy.name);
    const remedy = putBack === undefined ? removalOf(policy, roleName) : putBackText(putBack, roleName);
    const added = rightsBeyond('Allow', statements, wanted);
    if (added.length > 0)
      yield { text: `may also ${textOf(added)}, which nobody deployed; ${remedy}`, putBack };
    const denied = rightsBeyond('Deny', statements, wanted);
    if (denied.length > 0)
      yield {
        text: `is denied ${textOf(denied)}, which nobody deployed: ${consequence}; ${remedy}`,
        putBack,
      };
  }
}

function putBackText({ name }: DeclaredPolicy, roleName: string): string {
  return `put policy ${name} of role ${roleName} back as --json has it`;
}

function removalOf({ name, isAttached }: RolePolicy, roleName: string): string {
  return isAttached
    ? `detach policy ${name} from role ${roleName}`
    : `delete policy ${name} of role ${roleName}`;
}

function* judgeAttached({ roleName, consequence, declared, actual }: Judged): Generator<string> {
  const attached = actual.policies.filter(({ isAttached }) => isAttached);
  for (const name of declared.attached)
    if (!attached.some((policy) => policy.name === name))
      yield `has policy ${name} no longer: ${consequence}; ${redeploy}`;
  for (const { name, document } of attached)
    if (document === undefined && !declared.attached.includes(name))
      yield `has policy ${name}, which nobody deployed and which may not be read: allow iam:GetPolicy and iam:GetPolicyVersion, or detach it from role ${roleName}`;
}

function* judgeBoundary({ roleName, consequence, declared, actual }: Judged): Generator<string> {
  if (actual.boundary === declared.boundary) return;
  if (actual.boundary === undefined) yield `is bounded by ${declared.boundary} no longer; ${redeploy}`;
  else
    yield (
      `is bounded by ${actual.boundary}, which nobody deployed: where that does not allow what it needs, ${consequence}; ` +
        `remove the permissions boundary of role ${roleName}, or deploy with it`
    );
}

function* judgeTrust({ consequence, declared, actual }: Judged): Generator<string> {
  const trust = statementsOf(actual.trust) ?? [];
  const added = rightsBeyond('Allow', trust, declared.trust);
  if (added.length > 0)
    yield `may also be assumed by ${principalsOf(added)}, which nobody deployed; ${redeploy}`;
  const lost = [
    ...rightsBeyond('Allow', declared.trust, trust),
    ...rightsBeyond('Deny', trust, declared.trust),
  ];
  if (lost.length > 0) yield `may no longer be assumed by ${principalsOf(lost)}: ${consequence}; ${redeploy}`;
}

function principalsOf(rights: readonly Right[]): string {
  return named(rights.map(({ on, isConditional }) => (isConditional ? `${on} (on conditions)` : on)));
}

function textOf(rights: readonly Right[]): string {
  return `${named(rights.map(({ action }) => action))} on ${named(rights.map(({ on }) => on))}`;
}

function named(texts: readonly string[]): string {
  const distinct = [...new Set(texts)];
  const more = distinct.length - mostNamed;
  return distinct.slice(0, mostNamed).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
