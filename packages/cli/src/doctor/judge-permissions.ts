import { BackupError, mapConcurrent } from '@holdfast/engine';
import type { ConnectedDeployment, ConnectedRoles } from '../deployment/connection.ts';
import { countText } from '../terminal/text.ts';
import { type ExpectedRole, expectedRoles } from './expected-roles.ts';
import { type RoleFinding, judgeRole, judgeUser } from './judge-role.ts';
import { attention, check, type CheckResult, good, type Judgement, unknown } from './judgement.ts';
import { type DeployedStack, TemplateValues } from './template-values.ts';

/** Roles that are read at once: IAM answers few calls a second, and takes four or more for each. */
const rolesAtOnce = 4;

const rights =
  'iam:GetRole, iam:ListRolePolicies, iam:GetRolePolicy, iam:ListAttachedRolePolicies, lambda:GetFunctionConfiguration, ' +
  'states:DescribeStateMachine and scheduler:GetSchedule';

interface JudgedRole {
  readonly who: string;
  readonly roleName: string;
  readonly findings: readonly RoleFinding[];
  /** The reason why not all of it is known. */
  readonly unread: BackupError | undefined;
}

/**
 * Compares the roles of a deployment, as the account has them, with the templates that were deployed: a line for each role
 * that differs, and one for all others. Drift detection of CloudFormation does not look at `AWS::IAM::Policy`, nor at what is
 * declared nowhere, and takes minutes; a simulation answers for single actions, and needs values for every condition.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-policy.html
 */
export async function* judgePermissions(deployment: ConnectedDeployment): AsyncGenerator<CheckResult> {
  let judged: readonly JudgedRole[] = [];
  const others = await check('permissions', async () => {
    const stacks = await readStacks(deployment);
    const expected = expectedRoles(stacks, new TemplateValues(stacks, await deployment.findPlace()));
    if (expected.length === 0) return unknown(`no template of ${deployment.stacks.join(', ')} has a role`);
    judged = await readAll(expected, await deployment.openRoles());
    return judgeOthers(judged);
  });
  for (const { who, roleName, findings } of judged) {
    if (findings.length === 0) continue;
    const texts = findings.map(({ text }) => text).join('. Besides, it ');
    const policies = [...new Set(findings.flatMap(({ putBack }) => putBack ?? []))];
    yield {
      what: `permissions of ${who}`,
      ...attention(texts),
      putBack: policies.map(({ name, document }) => ({ roleName, policyName: name, document })),
    };
  }
  yield others;
}

function judgeOthers(judged: readonly JudgedRole[]): Judgement {
  const unread = judged.flatMap((role) => role.unread ?? []);
  const [first] = unread;
  const all = countText(judged.length, 'role');
  if (first !== undefined) {
    const needs = unread.some(({ kind }) => kind === 'denied') ? `: needs ${rights}` : '';
    return unknown(`not known of ${unread.length} of ${all}${needs} (${first.message})`);
  }
  const same = judged.filter(({ findings }) => findings.length === 0).length;
  return good(
    `${same === judged.length ? all : `${same} of ${all}`} as deployed, and used by whom they are for`,
  );
}

async function readStacks(deployment: ConnectedDeployment): Promise<readonly DeployedStack[]> {
  const stacks: DeployedStack[] = [];
  for (const name of new Set(deployment.stacks)) {
    const template = await deployment.findTemplate(name);
    if (template !== undefined)
      stacks.push({ name, template, physicalIds: await deployment.listPhysicalIds(name) });
  }
  return stacks;
}

async function readAll(
  expected: readonly ExpectedRole[],
  roles: ConnectedRoles,
): Promise<readonly JudgedRole[]> {
  const judged: JudgedRole[] = [];
  for await (const one of mapConcurrent(expected, rolesAtOnce, async (role) => judgeOne(role, roles)))
    judged.push(one);
  return judged;
}

async function judgeOne(role: ExpectedRole, roles: ConnectedRoles): Promise<JudgedRole> {
  const findings: RoleFinding[] = [];
  let unread: BackupError | undefined;
  /** Each by itself: who may not look at functions still learns about policies. */
  const look = async (find: () => Promise<readonly RoleFinding[]>): Promise<void> => {
    try {
      findings.push(...(await find()));
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      unread ??= error;
    }
  };
  await look(async () => judgeRole(role, role.declared(), await roles.find(role.roleName)));
  for (const user of role.users) await look(async () => judgeUser(role, user, await roles.findRoleOf(user)));
  return { who: role.who, roleName: role.roleName, findings, unread };
}
