import { Token } from 'aws-cdk-lib';
import * as z from 'zod';
import { DeploymentConfigError } from './deployment-config-error.ts';
import { Deployment, type ParsedDeployment, type ParsedPlan } from './deployment-schema.ts';
import { type BackupType, longestGapMinutes, type ScheduleTimes } from '@holdfast/engine/model';

const DAY_HOURS = 24;

interface PlanRule {
  readonly type: BackupType;
  readonly expression: string;
  readonly times: ScheduleTimes;
}

export interface PlanConfig extends Omit<ParsedPlan, 'schedules' | 'rpoHours'> {
  readonly rules: readonly PlanRule[];
  readonly rpoHours: number;
}

export interface DeploymentConfig extends Omit<ParsedDeployment, 'plans' | 'resourcesAtOnce' | 'workers'> {
  readonly plans: readonly PlanConfig[];
  readonly resourcesAtOnce: number;
  readonly shardsAtOnce: number;
}

export interface PlansFileConfig extends DeploymentConfig {
  /** The deployment as the file has it, before checks and defaults. */
  readonly deployment: Deployment;
  /** Set by `-c account=` and `-c region=`; otherwise the credentials decide. */
  readonly environment: { readonly account?: string; readonly region?: string };
}

const Context = z.object({
  account: z
    .string()
    .regex(/^\d{12}$/, 'must be the 12 digits of an AWS account')
    .optional(),
  region: z
    .string()
    // By its shape: AWS adds regions and partitions, as eusc-de-east-1.
    .regex(/^[a-z]{2,}(-[a-z]+)+-\d+$/, 'must be a region such as eu-central-1')
    .optional(),
});

export type ReadContext = (key: string) => unknown;

export function plansFileOf(readContext: ReadContext): string {
  const file = readContext('plans') ?? 'lib/plans.ts';
  if (typeof file === 'string' && file !== '') return file;
  throw new DeploymentConfigError(
    `-c plans=${JSON.stringify(file)} is not a file; write -c plans=my-plans.ts`,
  );
}

/**
 * Checks a deployment and fills in its defaults. The only reader of the CDK context.
 * @param exported - the plans file's module: it must export `deployment`.
 * @throws {@link DeploymentConfigError} naming every problem, its value and its remedy.
 */
export function parseDeploymentConfig(
  exported: unknown,
  readContext: ReadContext = () => undefined,
): PlansFileConfig {
  const file = plansFileOf(readContext);
  if (typeof exported !== 'object' || exported === null || !('deployment' in exported)) {
    throw new DeploymentConfigError(`${file} exports no "deployment"; copy the form of lib/plans.ts`);
  }
  const environment = parse('-c', Context, {
    account: readContext('account'),
    region: readContext('region'),
  });
  const config = checkDeployment(file, exported.deployment);
  return { ...config, environment, deployment: exported.deployment as Deployment };
}

/**
 * Checks a deployment, wherever it comes from, and fills in its defaults.
 * @param where - the beginning of every message.
 * @param nameOf - the name that a setting has there. @default - that of a plans file
 * @throws {@link DeploymentConfigError} naming every problem, its value and its remedy.
 */
export function checkDeployment(
  where: string,
  deployment: unknown,
  nameOf?: (path: string) => string,
): DeploymentConfig {
  const {
    plans,
    workers,
    resourcesAtOnce = Math.min(2, workers),
    ...rest
  } = parse(where, Deployment, deployment, nameOf);
  return {
    ...rest,
    resourcesAtOnce,
    shardsAtOnce: Math.floor(workers / resourcesAtOnce),
    plans: plans.map((plan) => {
      const { schedules: _schedules, ...settings } = plan;
      const rules = rulesOf(plan);
      return { ...settings, rules, rpoHours: plan.rpoHours ?? derivedRpoHours(rules) };
    }),
  };
}

function rulesOf({ schedules }: ParsedPlan): readonly PlanRule[] {
  const { full, incremental, differential, syntheticFull } = schedules;
  const byType = { full, incremental, differential, 'synthetic-full': syntheticFull };
  return Object.entries(byType).flatMap(([type, schedule]) =>
    schedule === undefined ? [] : [{ type: type as BackupType, ...schedule }],
  );
}

/** The longest time between two cycles that read the source, and a quarter more (at least two hours) to finish in. */
function derivedRpoHours(rules: readonly PlanRule[]): number {
  const gap = longestGapMinutes(
    rules.filter((rule) => rule.type !== 'synthetic-full').map((rule) => rule.times),
  );
  const hours = (gap ?? DAY_HOURS * 60) / 60;
  return Math.ceil(hours + Math.max(2, hours / 4));
}

function parse<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
  value: unknown,
  nameOf = (path: string): string => path,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const found = valueAt(value, issue.path);
    const what = Token.isUnresolved(found)
      ? ['is known only once it is deployed; give it a name']
      : [
          textOf(found, issue.path),
          issue.code === 'unrecognized_keys' ? unknownSetting(issue.keys) : issue.message,
        ];
    return `  ${[nameOf(pathOf(issue.path)), ...what].filter((part) => part !== '').join(' ')}`;
  });
  throw new DeploymentConfigError([`${file} cannot be deployed:`, ...lines].join('\n'));
}

function unknownSetting(keys: readonly string[]): string {
  return `has no setting ${keys.map((key) => JSON.stringify(key)).join(', ')}; check the spelling against lib/plans.ts`;
}

function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`))
    .join('');
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current: unknown = value;
  for (const key of path) current = (current as Record<PropertyKey, unknown> | undefined)?.[key];
  return current;
}

function textOf(value: unknown, path: readonly PropertyKey[]): string {
  // A key, perhaps a private one: nothing to show on a terminal or in a log.
  if (typeof value === 'string' && value.includes('-----BEGIN')) return '';
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return JSON.stringify(value);
  return value === undefined && path.length > 0 ? '(missing)' : '';
}
