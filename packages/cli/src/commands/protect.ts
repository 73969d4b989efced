import {
  BackupError,
  InvalidInputError,
  isOfKind,
  newId,
  type ResourceArn,
  type RunId,
  UnknownNameError,
} from '@holdfast/engine';
import {
  type DeployedConfiguration,
  isImageKind,
  isLetInByTag,
  isLetInByName,
  type Plan,
  type ResourceKind,
  type TaggedBuckets,
  taggedBuckets,
} from '@holdfast/engine/model';
import type { SourceFacts } from '@holdfast/aws/inventory';
import * as z from 'zod';
import { documentAnswer } from '../terminal/answer.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import { getDeployedPlans, resolvePlan } from '../names/deployed-plans.ts';
import { isArn } from '../names/resolve.ts';
import { ExecutionFailedError, UsageError } from '../terminal/errors.ts';
import { findNearest } from '../terminal/nearest.ts';
import { shortNameOf } from '../terminal/text.ts';

const Protected = documentAnswer(
  'always',
  z.strictObject({
    resourceArn: z.string(),
    plan: z.string(),
    tagKey: z.string(),
    planBefore: z.string().optional(),
    tagged: z.boolean(),
    /** The run of the first backup, where it was started. */
    runId: z.string().optional(),
    execution: z.string().optional(),
  }),
);

interface Wanted {
  readonly arn: ResourceArn;
  readonly kind: ResourceKind;
  readonly plan: Plan;
  readonly tagKey: string;
  /** The plan that its tag names already. */
  readonly before: string | undefined;
}

export const protectCommand = defineCommand({
  name: 'protect',
  summary: 'Opt a bucket, instance or volume in: check that it can be read, tag it, start its first backup.',
  answers: { protected: Protected },
  declare: (command) =>
    command
      .argument('<resource>')
      .requiredOption('--plan <name>', 'the plan that its tag will name')
      .option('--no-backup', 'leave the first backup to the schedule')
      .option('--dry-run', 'say what it would do, and what stands in the way; change nothing'),
  async run(context, { plan: planName, backup, dryRun }, name) {
    if (name === '') throw new UsageError('name a bucket, an instance, a volume, or an ARN');
    const connection = await context.connect();
    const plan = resolvePlan(await getDeployedPlans(connection), planName);
    const sources = await connection.deployment.findSources();
    if (sources === undefined)
      throw new InvalidInputError('the deployment does not tell its tag; deploy this version');
    const arn = await connection.tags.arnOf(name);
    const kind = connection.sources.kindOf(arn);
    if (kind === undefined)
      throw new InvalidInputError(
        `${arn} is not a bucket, an instance or a volume; "holdfast coverage" says what cannot be backed up`,
      );
    const own = await connection.inventory.findOwn();
    if (own.has(arn))
      throw new InvalidInputError(
        `${arn} belongs to this deployment; its own data is not backed up into itself`,
      );
    const facts = await connection.tags.look(arn).catch(async (error: unknown) => {
      if (!isOfKind(error, 'unknown')) throw error;
      const near = await findNear(name, kind, own, connection, context.signal);
      throw near === undefined
        ? error
        : new UnknownNameError(`${error.message}; did you mean ${near}?`, { cause: error });
    });
    const { tagKey } = sources;
    const wanted: Wanted = { arn, kind, plan, tagKey, before: facts.tags[tagKey] };
    const obstacles = obstaclesOf(wanted, facts, sources);
    if (obstacles.length > 0)
      throw new InvalidInputError(
        `${arn} could not be backed up, and is not tagged: ${obstacles.join('; ')}`,
      );
    if (
      facts.isDecidedByTag === undefined &&
      !isLetInByName(sources.sources?.buckets ?? [], shortNameOf(arn))
    )
      context.warn(
        `whether ABAC is enabled on ${arn} could not be learnt (s3:GetBucketABAC); without it, and without its name in ` +
          'sources.buckets of the plans file, its backup will be refused',
      );
    if (dryRun === true) return say(wanted, { backup, done: false }, {}, context);
    await connection.tags.put(arn, tagKey, plan.name);
    const started = backup
      ? await startFirst(wanted, facts, connection, context).catch(notStarted(wanted))
      : {};
    return say(wanted, { backup, done: true }, started, context);
  },
});

/**
 * The resource of a kind that was probably meant by a name; `undefined` also where the caller may not list, as no right
 * to that is needed for anything else.
 */
async function findNear(
  name: string,
  kind: ResourceKind,
  own: ReadonlySet<ResourceArn>,
  { inventory, sources }: Connection,
  signal: AbortSignal,
): Promise<string | undefined> {
  const arns: ResourceArn[] = [];
  try {
    const items = inventory.list(isImageKind(kind) ? 'machines' : 'buckets', signal);
    for await (const { arn, consistsOf = [] } of items) arns.push(arn, ...consistsOf);
  } catch (error) {
    if (!isOfKind(error, 'denied', 'unavailable')) throw error;
    return undefined;
  }
  const candidates = arns.filter((arn) => sources.kindOf(arn) === kind && !own.has(arn));
  return findNearest(name, isArn(name) ? candidates : candidates.map(shortNameOf));
}

/** Reasons why functions could not read it, each with its remedy. Policies of the bucket and the keys are not evaluated. */
function obstaclesOf(
  { arn, kind, plan }: Wanted,
  { tags, isDecidedByTag, customerKeys }: SourceFacts,
  { sources = { buckets: [], keys: [] } }: Pick<DeployedConfiguration, 'sources'>,
): readonly string[] {
  const obstacles: string[] = [];
  const name = shortNameOf(arn);
  if (kind === 's3-bucket' && !isLetInByName(sources.buckets, name)) {
    if (isDecidedByTag === false)
      obstacles.push(
        `no tag decides about bucket ${name}, as ABAC is not enabled on it, and sources.buckets of the plans file names neither ` +
          `it nor the beginning of its name; either "aws s3api put-bucket-abac --bucket ${name} --abac-status Status=Enabled", or name it and deploy`,
      );
    else if (isDecidedByTag === true && !isLetInByTag(sources.buckets, name, tags))
      obstacles.push(
        `ABAC is enabled on bucket ${name}, and no rule with a tag in sources.buckets of the plans file fits it ` +
          `(${taggedBuckets(sources.buckets).map(ruleText).join(', ')}); set that tag, or add a rule and deploy`,
      );
  }
  const readsKeys = !isImageKind(kind) || plan.images.blocks === 'vault';
  for (const key of customerKeys)
    if (readsKeys && !sources.keys.includes(key))
      obstacles.push(
        `it is encrypted with ${key}, which sources.keys of the plans file does not name; name it, deploy, and let the ` +
          "key's own policy delegate to IAM",
      );
  return obstacles;
}

function ruleText({ name, tag }: TaggedBuckets): string {
  return `${name} with ${tag.key}=${tag.value}`;
}

/** Says what was done already: the tag is there, and the schedule goes by it. */
function notStarted({ arn, plan, tagKey }: Wanted): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof BackupError)) throw error;
    throw new ExecutionFailedError(
      `${arn} is tagged ${tagKey}=${plan.name}, and its first backup could not be started, but comes with the next cycle of the ` +
        `plan: ${error.message}`,
      { cause: error },
    );
  };
}

async function startFirst(
  { arn, kind, plan, tagKey }: Wanted,
  { tags }: SourceFacts,
  { services, executions }: Connection,
  { clock }: CommandContext,
) {
  // As discovery will write it with the next cycle.
  const row = { arn, kind, plan: plan.name, seenAt: clock.now(), tags: { ...tags, [tagKey]: plan.name } };
  await services.catalog.resources.put(row);
  const runId = newId<RunId>(services.random);
  const input = { resourceArn: arn, kind, plan: plan.name, type: 'full', runId } as const;
  return { runId, execution: await executions.start('protect', runId, input) };
}

async function say(
  { arn, plan, tagKey, before }: Wanted,
  { backup, done }: { readonly backup: boolean; readonly done: boolean },
  started: { readonly runId?: RunId; readonly execution?: string },
  { out }: CommandContext,
): Promise<void> {
  if (out.json)
    return out.answer(Protected, {
      resourceArn: arn,
      plan: plan.name,
      tagKey,
      planBefore: before,
      tagged: done,
      ...started,
    });
  const from = before === undefined || before === plan.name ? '' : `, instead of ${before}`;
  await out.line(`${arn} ${done ? 'is' : 'would be'} tagged ${tagKey}=${plan.name}${from}`);
  if (!backup)
    return out.line('its first backup comes with the next cycle of the plan: see "holdfast plans"');
  if (started.runId === undefined) return out.line('its first backup would be started');
  await out.line(`run ${started.runId} of it has started (full)`);
  await out.line(`execution ${started.execution}`);
}
