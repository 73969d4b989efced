import type { Deployment } from '../../lib/deployment-schema.ts';
import { testBuckets, testPlans } from './support/names.ts';

const never = 'cron(0 3 1 1 ? *)';

/** A plan for each test file: a cycle of one touches nothing of another. Shards are so small that every bucket has several. */
const plan = (name: string, schedules: Deployment['plans'][number]['schedules']) => ({
  name,
  schedules,
  timeZone: 'UTC',
  retention: { keepDays: 2 },
  rpoHours: 26,
  images: { blocks: 'none' as const },
  shard: { files: 20, bytes: 4 * 2 ** 20 },
});

/** A plan that keeps the first point of each year until the end of the next one, as a container in an archive class. */
const archivePlan = (
  name: string,
  archiveClass: NonNullable<Deployment['plans'][number]['retention']['archiveClass']>,
) => ({
  ...plan(name, { full: never }),
  retention: { keepDays: 60, yearly: 1, containerAfterDays: 60, archiveClass },
});

// What the end-to-end tests deploy, once for all of them.
export const deployment = {
  plans: [
    plan(testPlans.main, { full: never }),
    plan(testPlans.sources, { full: never }),
    plan(testPlans.workers, { full: never }),
    plan(testPlans.twice, { full: 'cron(0 3 ? * SUN *)', incremental: 'cron(0 3 ? * * *)' }),
    plan(testPlans.inputs, { full: never }),
    plan(testPlans.alarms, { full: never }),
    plan(testPlans.commands, { full: never }),
    // Only the newest point is kept whatever its age.
    { ...plan(testPlans.maintenance, { full: never }), retention: { keepDays: 2, minimumPoints: 1 } },
    archivePlan(testPlans.glacier, 'glacier-flexible'),
    archivePlan(testPlans.deepArchive, 'deep-archive'),
    plan(testPlans.fleet, { full: never }),
    { ...plan(testPlans.documents, { full: never }), images: { blocks: 'vault' as const } },
    {
      ...plan(testPlans.blocks, { incremental: never, differential: never }),
      images: { blocks: 'vault' as const, baseSnapshot: 'keep' as const },
    },
    plan(testPlans.snapshots, { full: never }),
    // A machine is launched from the snapshots of its point, and when they are gone, out of the vault.
    {
      ...plan(testPlans.machines, { full: never }),
      images: { blocks: 'vault' as const, keepSnapshotsDays: 2 },
    },
    // Switched off by the global setup, and on by the one test that waits for it.
    plan(testPlans.minutely, { full: 'rate(1 minute)' }),
  ],
  tagKey: 'holdfast:plan',
  lockMode: 'governance',
  // The beginning of the names of all of them.
  sources: { buckets: ['holdfast-e2e-*'], keys: [] },
  restoreTargets: {
    buckets: [testBuckets.restored, testBuckets.missing, testBuckets.sources.documents],
    keys: [],
  },
  workers: 8,
  resourcesAtOnce: 4,
  snapshotPollSeconds: 1,
} satisfies Deployment;
