import type { Deployment } from '../../lib/deployment-schema.ts';

export const demoBuckets = {
  source: 'demo-source',
  untagged: 'demo-untagged',
  restored: 'demo-restored',
} as const;

// One plan with small shards, so that many workers run and pages are joined at seams.
export const deployment = {
  plans: [
    {
      name: 'demo',
      schedules: {
        // Fires a minute after it was made; the demo waits for that, then switches it off and goes on by executions.
        full: 'rate(1 minute)',
        incremental: 'cron(0 3 ? * MON-SAT *)',
        differential: 'cron(0 3 ? * SUN *)',
        syntheticFull: 'cron(0 12 1 * ? *)',
      },
      timeZone: 'UTC',
      retention: { keepDays: 7 },
      rpoHours: 26,
      images: { blocks: 'vault' },
      shard: { files: 500, bytes: 256 * 2 ** 20 },
    },
  ],
  tagKey: 'holdfast:plan',
  lockMode: 'governance',
  sources: { buckets: [demoBuckets.source], keys: [] },
  restoreTargets: { buckets: [demoBuckets.restored], keys: [] },
  workers: 16,
  resourcesAtOnce: 2,
  snapshotPollSeconds: 2,
} satisfies Deployment;
