import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import {
  minutesOfDay,
  parseScheduleExpression,
  prices,
  pricesAsOf,
  runsOn,
  storageClassPrices,
  verifyEveryDays,
  workerSecondDollars,
  workRates,
} from '@holdfast/engine/model';
import { METRIC_NAMES, PLAN_METRIC_NAMES } from '../lambdas/runtime/metrics.ts';
import { parseDeploymentConfig } from '../lib/deployment-config.ts';
import { deployment } from '../lib/plans.ts';
import { HoldfastStacks } from '../lib/stacks/holdfast-stacks.ts';

const daysAMonth = 365.25 / 12;
const hoursAMonth = 24 * daysAMonth;
const tebibyte = 2 ** 40;
const gibibytesOfTebibyte = 1024;
const partitions = 16;

/** Figures that were measured or are rounded, and not read off the template. */
const assumed = {
  /** A call of a function that finds nothing to do, with what it asks of other services. */
  shortCallSeconds: 0.4,
  chunkBytes: 2 ** 20,
  /** Requests and storage of S3 and DynamoDB, and logs, of a deployment with nothing to do. */
  besidesMonth: 0.1,
} as const;

interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}
interface State {
  readonly Type: string;
  readonly ItemProcessor?: { readonly States: Readonly<Record<string, State>> };
}
interface Row {
  readonly what: string;
  readonly dollars: number;
  readonly isAbout?: boolean;
}

const root = join(import.meta.dirname, '..');
const [begin, end] = ['<!-- running costs: npm run costs -->', '<!-- end of running costs -->'];

/**
 * README with current tables of what running Holdfast costs: counts from the templates of lib/plans.ts, prices from the
 * table that quotes use.
 */
export function withRunningCosts(readme: string): string {
  const [before, rest] = [readme.indexOf(begin), readme.indexOf(end)];
  if (before < 0 || rest < before) throw new Error(`README.md needs the lines ${begin} and ${end}`);
  return `${readme.slice(0, before + begin.length)}\n\n${tables()}\n\n${readme.slice(rest)}`;
}

function tables(): string {
  const idle = idleRows(synthesize());
  const sum = idle.reduce((total, { dollars }) => total + dollars, 0);
  return [
    `**What an idle deployment costs a month**, with the two plans of \`lib/plans.ts\`, nothing tagged, in list prices of`,
    `us-east-1 of ${pricesAsOf} without free tiers:`,
    '',
    tableOf([...idle, { what: '**together**', dollars: sum, isAbout: true }]),
    '',
    '**What backups add**, besides [that of images](docs/images.md#what-it-costs); what a restore costs is quoted beforehand:',
    '',
    tableOf(usageRows()),
  ].join('\n');
}

function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(({ what, dollars, isAbout }) => {
    const text = `${isAbout === true ? 'about ' : ''}$${dollars.toFixed(2)}`;
    return `| ${what} | ${what.startsWith('**') ? `**${text}**` : text} |`;
  });
  return ['| | |', '|---|---|', ...lines].join('\n');
}

function idleRows(resources: readonly Resource[]): Row[] {
  const count = (type: string): number => resources.filter(({ Type }) => Type === type).length;
  const runs = resources
    .filter(({ Type }) => Type === 'AWS::Scheduler::Schedule')
    .map(({ Properties }) => runsAMonth(String(Properties?.['ScheduleExpression'])));
  const callsAMonth = runs.reduce((sum, one) => sum + one, 0);
  // A metric that is counted more than once an hour is published in every hour.
  const constant = runs.filter((one) => one > hoursAMonth).length;
  const daily = METRIC_NAMES.length - constant + PLAN_METRIC_NAMES.length * deployment.plans.length;
  const { metricMonth, alarmMonth, dashboardMonth, request } = prices.cloudWatch;
  const maintenance = maintenanceSteps(resources);
  const call = shortCall(resources);
  const keys = count('AWS::KMS::Key');
  const alarms = count('AWS::CloudWatch::Alarm');
  return [
    {
      what: `${keyText(keys)}. Each of the first two yearly rotations adds another $${prices.kms.keyMonth}`,
      dollars: keys * prices.kms.keyMonth,
    },
    { what: `${alarms} alarms at $${alarmMonth.toFixed(2)}`, dollars: alarms * alarmMonth },
    {
      what: `${constant} own metric${constant === 1 ? '' : 's'} published all day, at $${metricMonth.toFixed(2)}`,
      dollars: constant * metricMonth,
    },
    {
      what: `${daily} other own metrics, over all plans and for each plan, billed for the hours in which they are published: one a day`,
      dollars: (daily * metricMonth * daysAMonth) / hoursAMonth,
      isAbout: true,
    },
    {
      what: `${runs.length} schedules: ${number(Math.round(callsAMonth / 10) * 10)} short calls of functions, with their requests to the Scheduler, CloudWatch and SQS`,
      dollars: callsAMonth * (prices.scheduler.invocation + call + request + prices.sqs.request),
      isAbout: true,
    },
    {
      what: `daily maintenance: ${maintenance.calls} short calls and ${maintenance.transitions} state transitions at most`,
      dollars:
        daysAMonth * (maintenance.calls * call + maintenance.transitions * prices.stepFunctions.transition),
      isAbout: true,
    },
    {
      what: `${count('AWS::CloudWatch::Dashboard')} dashboard: free if the account has two others at most, else $${dashboardMonth.toFixed(2)}`,
      dollars: 0,
    },
    {
      what: `${count('AWS::CloudTrail::Trail')} trail, of the vault: the first of an account is free, another costs $2 for 100,000 changes of configuration`,
      dollars: 0,
    },
    {
      what: `requests and storage of S3 and of ${count('AWS::DynamoDB::GlobalTable')} tables with nothing in them, ${count('AWS::Lambda::Function')} functions and their logs: less than`,
      dollars: assumed.besidesMonth,
    },
  ];
}

function number(count: number): string {
  return count.toLocaleString('en-US');
}

function keyText(keys: number): string {
  return keys === 1 ? 'KMS key (multi-region primary)' : `${keys} KMS keys`;
}

function usageRows(): Row[] {
  const { STANDARD, GLACIER_IR, GLACIER, DEEP_ARCHIVE } = storageClassPrices;
  const packs = tebibyte / workRates.packBytes;
  const stored = (price: { readonly gibibyteMonth: number }): number =>
    gibibytesOfTebibyte * price.gibibyteMonth;
  const verifying = (tebibyte / workRates.verifiedBytesPerSecond) * workerSecondDollars;
  const turnsAMonth = daysAMonth / verifyEveryDays('GLACIER_IR');
  const readGibibyte = GLACIER_IR.retrievalGibibyte + 64 * GLACIER_IR.get;
  return [
    { what: 'a TiB in the vault, a month', dollars: stored(STANDARD) },
    {
      what: 'keeping it leased (simulated), a month',
      dollars: workRates.leasesTebibyteMonth,
      isAbout: true,
    },
    {
      what: `verifying it, once in ${verifyEveryDays(undefined)} days: reads and a worker's time, a month`,
      dollars:
        (daysAMonth / verifyEveryDays(undefined)) *
        (verifying + packs * workRates.getsToVerifyPack * STANDARD.get),
      isAbout: true,
    },
    { what: 'a TiB in containers in `glacier-instant`, a month', dollars: stored(GLACIER_IR) },
    {
      what: `verifying those of 4 GiB at most, once in ${number(verifyEveryDays('GLACIER_IR'))} days, a month`,
      dollars: turnsAMonth * (gibibytesOfTebibyte * readGibibyte + verifying),
      isAbout: true,
    },
    { what: 'a TiB in containers in `glacier-flexible`, a month', dollars: stored(GLACIER) },
    { what: 'a TiB in containers in `deep-archive`, a month', dollars: stored(DEEP_ARCHIVE) },
    {
      what: 'storing a TiB that was not there before: PUTs, rows of chunks and packs, workers',
      dollars:
        packs * (STANDARD.put + workRates.writeUnitsForPack * prices.dynamo.writeUnit) +
        (tebibyte / assumed.chunkBytes) * prices.dynamo.writeUnit +
        (tebibyte / workRates.protectedBytesPerSecond) * workerSecondDollars,
      isAbout: true,
    },
    {
      what: 'listing a million objects, a cycle',
      dollars: (1e6 / workRates.listedPerRequest) * STANDARD.put,
      isAbout: true,
    },
    {
      what: 'reading the tags of a million objects (`readTags`), a cycle',
      dollars: 1e6 * STANDARD.get,
    },
    { what: 'reading a million new or changed objects, a cycle', dollars: 1e6 * STANDARD.get },
  ];
}

/** All resources of the three stacks as lib/plans.ts deploys them. Functions have a stand-in for their code. */
function synthesize(): Resource[] {
  const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')) as {
    context: Record<string, unknown>;
  };
  const app = new App({ context });
  const code = Code.fromInline('exports.handler = async () => ({});');
  void new HoldfastStacks(app, parseDeploymentConfig({ deployment }), code);
  return app
    .synth()
    .stacks.flatMap(
      ({ template }) => Object.values((template as { Resources: object }).Resources) as Resource[],
    );
}

/** Runs of a schedule in a month of the year 2027. */
function runsAMonth(expression: string): number {
  const times = parseScheduleExpression(expression);
  if ('everyMinutes' in times) return (hoursAMonth * 60) / times.everyMinutes;
  const days = Array.from({ length: 365 }, (_, day) => new Date(Date.UTC(2027, 0, 1 + day)));
  const due = days.filter((day) => runsOn(times.cron, day)).length;
  return (due * minutesOfDay(times.cron).length) / 12;
}

/** States that maintenance enters, and functions that it calls, when each has nothing to do: maps over all partitions. */
function maintenanceSteps(resources: readonly Resource[]): {
  readonly transitions: number;
  readonly calls: number;
} {
  const total = { transitions: 0, calls: 0 };
  const add = (states: Readonly<Record<string, State>>, times: number): void => {
    for (const state of Object.values(states)) {
      if (state.Type === 'Fail') continue;
      total.transitions += times;
      if (state.Type === 'Task') total.calls += times;
      if (state.ItemProcessor !== undefined) add(state.ItemProcessor.States, times * partitions);
    }
  };
  const machine = resources.map(definitionOf).find((definition) => definition?.includes('PlanMaintenance'));
  if (machine === undefined)
    throw new Error('no state machine has the state PlanMaintenance; adapt this script');
  add((JSON.parse(machine) as { States: Record<string, State> }).States, 1);
  return total;
}

/** The text of a state machine, with a stand-in wherever the template refers to something. */
function definitionOf({ Type, Properties }: Resource): string | undefined {
  if (Type !== 'AWS::StepFunctions::StateMachine') return undefined;
  const text = Properties?.['DefinitionString'] as { 'Fn::Join': [string, unknown[]] } | undefined;
  return text?.['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : 'x')).join('');
}

/** Dollars for one short call of a function with the memory that functions have on average. */
function shortCall(resources: readonly Resource[]): number {
  const megabytes = resources
    .filter(({ Type }) => Type === 'AWS::Lambda::Function')
    .map(({ Properties }) => Number(Properties?.['MemorySize'] ?? 128));
  const mean = megabytes.reduce((sum, one) => sum + one, 0) / megabytes.length;
  const { call, gibibyteSecond } = prices.lambda;
  return call + assumed.shortCallSeconds * (mean / 1024) * gibibyteSecond;
}
