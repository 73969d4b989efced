import { verifyVaultFiles } from '@holdfast/engine';
import { accountBlockQuota } from '@holdfast/engine/model';
import type { Connection } from '../deployment/connection.ts';
import type { StackTemplate } from './stack-template.ts';
import type { CommandContext } from '../terminal/command.ts';
import { countText, durationText } from '../terminal/text.ts';
import { attention, check, type CheckResult, type Judgement, good, unknown } from './judgement.ts';
import { judgeFact } from './judge-fact.ts';
import { bucketPolicyOf, judgePolicy, keyPolicyOf } from './judge-policy.ts';
import { judgePermissions } from './judge-permissions.ts';
import { judgeRuntimes } from './lambda-runtimes.ts';

/** Time within which maintenance has to have ended: it is daily, and may take long. */
const maintenanceHours = 36;
/** Functions besides workers: of cycles, maintenance and watching. */
const otherFunctions = 10;
/** Difference of clocks that is no longer the way of an answer: one that is kept in time is within a second. */
const mostSecondsOff = 120;

type Clocked = Pick<CommandContext, 'clock'>;

/** Looks at everything around the data that has to be right: each check by itself, so that a refusal hides no other. */
export async function* examineDeployment(
  connection: Connection,
  version: string,
  context: Clocked,
): AsyncGenerator<CheckResult> {
  yield* examineProgram(connection, version, context);
  yield* examineProtection(connection);
  yield* judgePermissions(connection.deployment);
  yield* examineLimits(connection);
  yield* examineWork(connection, context);
}

/** Program, deployment, configuration, runtime and clock. */
async function* examineProgram(
  { deployment, services }: Connection,
  version: string,
  { clock }: Clocked,
): AsyncGenerator<CheckResult> {
  yield await check('version', async () => {
    const deployed = await deployment.findVersion();
    if (deployed === undefined)
      return unknown('the deployment does not tell its version: deploy again, with this program');
    if (deployed === version) return good(`program and deployment are ${version}`);
    return attention(
      `the program is ${version}, and ${deployed} is deployed: use the program of that version, or deploy this one`,
    );
  });
  yield await check('configuration', async () => {
    const plans = await deployment.findPlans();
    if (plans === undefined)
      return unknown('it may not be read, or is of another version: allow s3:GetObject on ConfigurationUrl');
    return good(`${countText(plans.length, 'plan')}: ${plans.map(({ name }) => name).join(', ')}`);
  });
  yield await check('deprecations', async () => {
    const template = await deployment.findTemplate(deployment.stacks[1]);
    if (template === undefined) return unknown(`there is no stack ${deployment.stacks[1]} to look at`);
    return judgeRuntimes(template, clock.now());
  });
  yield await check('clock', async () => {
    const seconds = Math.round((clock.now().getTime() - (await services.store.now()).getTime()) / 1000);
    if (Math.abs(seconds) <= mostSecondsOff) return good('as that of S3');
    return attention(
      `it is ${durationText(Math.abs(seconds))} ${seconds > 0 ? 'ahead of' : 'behind'} that of S3: ages that this program ` +
        'shows, and times that it is asked for, are wrong by as much; set it',
    );
  });
}

/** The vault, and what AWS says about how it is protected. */
async function* examineProtection({ deployment, services }: Connection): AsyncGenerator<CheckResult> {
  yield await check('vault', async () => {
    const losses = await verifyVaultFiles(services);
    const [first] = losses;
    if (first === undefined) return good('its format and all its keys can be read');
    return attention(`${countText(losses.length, 'file')} of it damaged: ${first.message}`);
  });
  const policies: Readonly<Record<string, (template: StackTemplate) => unknown>> = {
    'policy of the bucket': (template) => bucketPolicyOf(template, deployment.vaultBucket),
    'policy of the key': keyPolicyOf,
  };
  for (const fact of await deployment.readProtection()) {
    const policyOf = policies[fact.what];
    yield await check(fact.what, async () => {
      if (policyOf === undefined) return judgeFact(fact);
      const template = await deployment.findTemplate(deployment.stacks[0]);
      return judgePolicy(fact, template && policyOf(template));
    });
  }
}

/** Quotas of the account. */
async function* examineLimits({ deployment }: Connection): AsyncGenerator<CheckResult> {
  yield await check('functions at once', async () => {
    const workers = await deployment.findWorkers();
    const { limit, unreserved } = await deployment.readFunctionsAtOnce();
    const needed = (workers ?? 0) + otherFunctions;
    if (unreserved >= needed) return good(`${unreserved} of ${limit} are free for ${needed} of Holdfast`);
    return attention(
      `${unreserved} may run, and ${workers} workers need about ${needed}: raise the quota "Concurrent executions" of Lambda, ` +
        'or lower workers in the plans file',
    );
  });
  yield await check('blocks of EBS', async () => {
    const assumed = accountBlockQuota(deployment.region, await deployment.findBlockQuota());
    return judgeBlockQuotas(await deployment.readBlockQuotas(), assumed);
  });
}

function judgeBlockQuotas(
  { read, write }: Awaited<ReturnType<Connection['deployment']['readBlockQuotas']>>,
  assumed: number,
): Judgement {
  if (read === undefined || write === undefined) return unknown('Service Quotas does not know them here');
  const least = Math.min(read, write);
  const has = `${read} a second may be read, and ${write} written`;
  if (least < assumed)
    return attention(
      `${has}, where Holdfast takes ${assumed} for granted: set blockQuota to ${least} in the plans file, or have the quotas ` +
        '"GetSnapshotBlock" and "PutSnapshotBlock requests per account" of EBS raised',
    );
  return good(least === assumed ? has : `${has}; Holdfast uses more of them with blockQuota: ${least}`);
}

/** Alarms that reach somebody, and maintenance. */
async function* examineWork(
  { deployment, executions }: Connection,
  { clock }: Clocked,
): AsyncGenerator<CheckResult> {
  yield await check('alarms', async () => {
    const subscriptions = await deployment.readSubscriptions();
    if (subscriptions === undefined)
      return unknown(
        `no topic is among the outputs of ${deployment.stacks[2]} or of ${deployment.stacks[1]}`,
      );
    const { confirmed, pending } = subscriptions;
    if (pending > 0)
      return attention(`${countText(pending, 'subscription')} not confirmed: follow the link in the mail`);
    if (confirmed === 0) return attention('nobody is told of them: subscribe to the topic AlarmTopicArn');
    return good(countText(confirmed, 'confirmed subscription'));
  });
  yield await check('maintenance', async () => {
    const [last] = await executions.list('maintenance', 1);
    if (last === undefined) return unknown('it has not run yet; it does once a day');
    const hours = (clock.now().getTime() - last.startedAt.getTime()) / 3_600_000;
    if (last.status !== 'succeeded' && last.status !== 'running')
      return attention(`the last one has ${last.status}: see docs/runbook.md, and run "holdfast maintain"`);
    if (hours > maintenanceHours)
      return attention(`the last one began ${durationText(hours * 3600)} ago: is its schedule enabled?`);
    return good(
      `the last one began ${durationText(hours * 3600)} ago and ${last.status === 'running' ? 'runs' : 'succeeded'}`,
    );
  });
}
