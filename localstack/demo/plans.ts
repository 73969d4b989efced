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
        // At each full minute; the demo waits for the first after it has tagged its sources, then switches this off.
        full: 'cron(* * * * ? *)',
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
