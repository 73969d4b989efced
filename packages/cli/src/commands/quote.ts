import { Option } from '@commander-js/extra-typings';
import {
  defaultSampleLimits,
  InvalidInputError,
  isOfKind,
  type RecordedQuote,
  type ResourceArn,
  UnknownNameError,
} from '@holdfast/engine';
import { getPlan, type Plan, type Plans, retentionBounds, RetentionRules } from '@holdfast/engine/model';
import { type BackUpDirectoryOptions, DirectorySource, directoryArn, localPlan } from '@holdfast/node';
import type { Connection } from '../deployment/connection.ts';
import { isNamed, resolveResource } from '../names/resolve.ts';
import { printResourceQuote, printPlanQuotes, QuoteFields, quoteFields } from '../quote/print-quote.ts';
import {
  openStoredChunks,
  type QuoteRequest,
  quoteResource,
  type ResourceQuote,
} from '../quote/quote-resource.ts';
import * as z from 'zod';
import { documentAnswer } from '../terminal/answer.ts';
import { resolvePlan } from '../names/deployed-plans.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import { UsageError } from '../terminal/errors.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import { compressionOption, numberOption } from '../terminal/options.ts';

const changedOption = new Option(
  '--changed-per-day <percent>',
  'share of the content that is new every day, which nobody knows before the first backup',
)
  .argParser((text) => {
    const percent = Number(text.replace(/%$/, ''));
    if (/^\d{1,3}(\.\d{1,6})?%?$/.test(text) && percent <= 100) return percent / 100;
    throw new UsageError(`--changed-per-day "${text}" is not a share; write one from 0% to 100%, such as 1%`);
  })
  .default(0.01, '1%');

const requestsOption = numberOption(
  '--sample-requests <n>',
  'read at most so many files, or parts of large ones',
  {
    unit: 'requests',
    least: 10,
    most: 1_000_000,
  },
).default(defaultSampleLimits.requests);

const mebibytesOption = numberOption('--sample-mib <n>', 'read at most so many MiB', {
  unit: 'MiB',
  least: 64,
  most: 10_000_000,
}).default(defaultSampleLimits.bytes / 2 ** 20);

const Quoted = documentAnswer('of a resource or a directory', QuoteFields);
const PlanQuoted = documentAnswer(
  'of a plan',
  z.strictObject({
    plan: z.string(),
    quotes: z.array(QuoteFields),
    failed: z.array(z.strictObject({ resourceArn: z.string(), problem: z.string() })),
  }),
);

export const quoteCommand = defineCommand({
  name: 'quote',
  summary: 'Say before the first backup what it would store and cost, and a month of it, next to others.',
  answers: { resource: Quoted, plan: PlanQuoted },
  declare: (command) =>
    command
      .argument('[resource|plan]')
      .option('--directory <directory>', 'a directory of this machine, into the vault that --vault names')
      .option('--plan <plan>', 'of a resource: another plan than the one that its tag names')
      .addOption(changedOption)
      .addOption(requestsOption)
      .addOption(mebibytesOption)
      .addOption(compressionOption)
      .addOption(
        numberOption(
          '--keep-days <n>',
          'of a directory: how long its daily points would be kept',
          retentionBounds.keepDays,
        ).default(35),
      ),
  async run(context, { directory, plan, keepDays, compression, ...values }, name) {
    if ((directory === undefined) === (name === undefined))
      throw new UsageError(
        'name a resource or a plan of the deployment, or a directory with --directory and its vault with --vault',
      );
    const asked = {
      changedPerDay: values.changedPerDay,
      limits: { requests: values.sampleRequests, bytes: values.sampleMib * 2 ** 20 },
    };
    if (directory !== undefined)
      return quoteDirectory(context, { directory, keepDays, compression, ...asked });
    const connection = await context.connect();
    const plans = await connection.deployment.findPlans();
    if (plans === undefined)
      throw new UnknownNameError(
        'the plans are not known here; allow s3:GetObject on what the output ConfigurationUrl names, or name a directory with --directory',
      );
    if (plan === undefined && plans.some((one) => one.name === name))
      return quotePlan(context, connection, resolvePlan(plans, name ?? ''), asked);
    const resource = await findResource(connection, name ?? '', plan, plans);
    return quoteOne(context, connection, { ...resource, ...asked });
  },
});

type Asked = Pick<QuoteRequest, 'changedPerDay' | 'limits'>;

/** Finds a resource and its plan. One that discovery has not seen yet is named by its ARN, and its plan with `--plan`. */
async function findResource(
  { services, sources }: Connection,
  name: string,
  planName: string | undefined,
  plans: Plans,
): Promise<Pick<QuoteRequest, 'resource' | 'plan'>> {
  const kind = sources.kindOf(name);
  const known = kind === undefined ? undefined : await services.catalog.resources.find(name as ResourceArn);
  if (kind !== undefined && known === undefined) {
    if (planName === undefined)
      throw new UsageError(`${name} is not in the catalog yet; name the plan that it will have with --plan`);
    return { resource: { arn: name as ResourceArn, kind }, plan: resolvePlan(plans, planName) };
  }
  const resource = known ?? (await resolveResource(services.catalog, name));
  if (resource.partOf !== undefined)
    throw new InvalidInputError(`${resource.arn} is backed up as a part of ${resource.partOf}; quote that`);
  return {
    resource,
    plan: planName === undefined ? getPlan(plans, resource.plan) : resolvePlan(plans, planName),
  };
}

async function quoteDirectory(
  context: CommandContext,
  {
    directory,
    keepDays,
    compression,
    ...asked
  }: Asked & Pick<BackUpDirectoryOptions, 'directory' | 'keepDays'> & Pick<Plan, 'compression'>,
): Promise<void> {
  const { root } = context.localVault();
  const connection = await context.connect();
  const resource = { arn: directoryArn(directory), kind: 'directory' } as const;
  // It is backed up whenever somebody does so: once a day, say.
  const schedule = { expression: 'rate(1 day)', timeZone: 'UTC' };
  const retention = RetentionRules.parse({ ...localPlan.retention, keepDays });
  const plan: Plan = { ...localPlan, schedules: { incremental: schedule }, retention, compression };
  const onWarning = ({ message }: Error): void => context.progress.note(message);
  const source = new DirectorySource({ root: directory, clock: context.clock, vault: root, onWarning });
  return quoteOne(context, connection, { resource, plan, source, ...asked });
}

async function quoteOne(
  context: CommandContext,
  connection: Connection,
  request: Pick<QuoteRequest, 'resource' | 'plan' | 'source'> & Asked,
): Promise<void> {
  const stored = await askVault(context, connection);
  const quote = await ask(context, connection, { ...request, stored });
  await record(context, connection, quote);
  if (context.out.json) await context.out.answer(Quoted, quoteFields(quote));
  else await printResourceQuote(quote, context.out);
}

/** Quotes all resources of a plan, one after the other. One that cannot be read is named, and the others are quoted. */
async function quotePlan(
  context: CommandContext,
  connection: Connection,
  plan: Plan,
  asked: Asked,
): Promise<ExitCode> {
  const { catalog } = connection.services;
  const all = await Array.fromAsync(catalog.resources.list());
  const resources = all.filter((row) => row.plan === plan.name && row.partOf === undefined);
  if (all.some(({ arn }) => isNamed(arn, plan.name)))
    context.warn(`"${plan.name}" is taken for the plan; a resource of that name is quoted by its ARN`);
  const stored = await askVault(context, connection);
  const quotes: ResourceQuote[] = [];
  const failed: { readonly resourceArn: string; readonly problem: string }[] = [];
  for (const resource of resources) {
    context.progress.note(`quoting ${resource.arn}`);
    try {
      const quote = await ask(context, connection, { resource, plan, stored, ...asked });
      await record(context, connection, quote);
      quotes.push(quote);
    } catch (error) {
      if (!isOfKind(error, 'source', 'denied', 'unknown', 'unsupported')) throw error;
      failed.push({ resourceArn: resource.arn, problem: error.message });
      context.warn(`${resource.arn} is not in the quote: ${error.message}`);
    }
  }
  if (context.out.json)
    await context.out.answer(PlanQuoted, { plan: plan.name, quotes: quotes.map(quoteFields), failed });
  else await printPlanQuotes(quotes, context.out);
  return failed.length === 0 ? exitCodes.ok : exitCodes.failed;
}

async function ask(
  { clock, progress, signal }: CommandContext,
  connection: Connection,
  request: Omit<QuoteRequest, 'now' | 'onProgress' | 'signal'>,
): Promise<ResourceQuote> {
  return quoteResource(connection, { ...request, now: clock.now(), onProgress: progress.report, signal });
}

async function askVault({ warn }: CommandContext, connection: Connection): Promise<QuoteRequest['stored']> {
  const stored = await openStoredChunks(connection);
  if (typeof stored !== 'string') return stored;
  warn(`what the vault has already counts as new: ${stored}`);
  return undefined;
}

/** Keeps the quote on the resource's row, for its backups to be compared with. */
async function record(
  { clock, warn }: CommandContext,
  { services }: Connection,
  quote: ResourceQuote,
): Promise<void> {
  const { resource, changedPerDay } = quote;
  const bytes = quotedBytes(quote);
  if (bytes === undefined) return;
  try {
    const quotedAt = clock.now().toISOString();
    await services.catalog.resources.noteQuote(resource.arn, { quotedAt, changedPerDay, ...bytes });
  } catch (error) {
    if (!isOfKind(error, 'denied')) throw error;
    warn(`the quote is not kept, and no backup can be compared with it: ${error.message}`);
  }
}

/** The figures that a first backup is compared with; none for an image whose blocks stay in EC2, where nobody counts them. */
function quotedBytes({
  files,
  image,
}: ResourceQuote): Pick<RecordedQuote, 'logicalBytes' | 'storedBytes'> | undefined {
  if (files !== undefined) {
    const { listed, frozen, storedBytes } = files.estimate;
    return { logicalBytes: listed.bytes - frozen.bytes, storedBytes };
  }
  if (image?.inVault !== true) return undefined;
  // Nobody has read the blocks: none of them, or all, may be in the vault already.
  return { logicalBytes: image.inUse, storedBytes: { value: image.inUse, low: 0, high: image.inUse } };
}
