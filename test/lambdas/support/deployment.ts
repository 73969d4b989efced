import type { MetricValue } from '@holdfast/aws';
import { AuditLog, type ResourceArn } from '@holdfast/engine';
import { defaultImageSettings, RetentionRules, type Plan } from '@holdfast/engine/model';
import {
  FakeClock,
  makeMemoryServices,
  MemorySharedRecords,
  MemorySource,
  type MemoryWorkStore,
  SeededRandom,
} from '@holdfast/engine/testing';
import type { StepContext } from '../../../lambdas/runtime/define-step.ts';
import { type LogFields, makeLogger } from '../../../lambdas/runtime/logger.ts';
import type { Metrics } from '../../../lambdas/runtime/services.ts';
import { openVaultOnce } from '../../../lambdas/runtime/open-vault-once.ts';

/** The bucket that {@link makeDeployment} has a source for. */
export const BUCKET_ARN = 'arn:aws:s3:::photos' as ResourceArn;

/** Time enough for everything. */
export const PLENTY: StepContext = { getRemainingTimeInMillis: () => 900_000 };

/** Not a moment to begin anything. */
export const NO_TIME: StepContext = { getRemainingTimeInMillis: () => 0 };

/** Calls a step as its machine does: until it is done, whatever time a call gets. */
export async function untilDone<Output extends { readonly done: boolean }>(
  call: () => Promise<Output>,
): Promise<Extract<Output, { readonly done: true }>> {
  for (;;) {
    const output = await call();
    if (isDone(output)) return output;
  }
}

function isDone<Output extends { readonly done: boolean }>(
  output: Output,
): output is Extract<Output, { readonly done: true }> {
  return output.done;
}

/** A plan that reads a full on Sundays and an incremental on every day, both at two. */
export const DAILY: Plan = {
  name: 'daily',
  schedules: {
    full: { expression: 'cron(0 2 ? * SUN *)', timeZone: 'UTC' },
    incremental: { expression: 'cron(0 2 * * ? *)', timeZone: 'UTC' },
  },
  retention: RetentionRules.parse({ keepDays: 30 }),
  rpoHours: 30,
  readTags: true,
  prefixes: [],
  compression: 'default',
  images: { ...defaultImageSettings, blocks: 'none' },
  shard: { files: 3, bytes: 2 ** 30 },
};

class MemoryMetrics {
  readonly values: MetricValue[] = [];

  put: Metrics['put'] = async (values) => {
    await Promise.resolve();
    this.values.push(...values);
  };

  /** The values of a series, in the order of their publishing; without a plan the series over all plans. */
  of(name: string, plan?: string): number[] {
    return this.values
      .filter((value) => value.name === name && value.dimensions?.['Plan'] === plan)
      .map(({ value }) => value);
  }
}

type LogLine = LogFields & { readonly level: string; readonly message: string };

/** A deployment in memory: everything that handlers are given. */
export function makeDeployment() {
  const clock = new FakeClock('2026-03-02T02:00:00.000Z');
  const services = makeMemoryServices(clock, new SeededRandom(1));
  const lines: LogLine[] = [];
  return {
    ...services,
    services,
    audit: new AuditLog(services),
    ownBuckets: ['vault', 'work', 'trail-log'],
    workBucket: 'work',
    source: new MemorySource(clock),
    metrics: new MemoryMetrics(),
    openKeys: openVaultOnce(services),
    shared: new MemorySharedRecords(),
    progress: services.catalog.progress,
    lines,
    log: makeLogger('test', (line) => lines.push(JSON.parse(line) as LogLine)),
  };
}

export type Deployment = ReturnType<typeof makeDeployment>;

export async function readJson(work: MemoryWorkStore, name: string): Promise<unknown> {
  return JSON.parse(Buffer.from(await work.get(name)).toString('utf8'));
}
