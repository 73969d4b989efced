import type { Deployment } from './deployment-schema.ts';

// The resources that are protected, the times, the retention, and the targets of restores.
// Edit this file and run `npx cdk deploy --all`; or keep your own and deploy it with `-c plans=my-plans.ts`.
//
// To protect a resource, give it the tag `holdfast:plan` with the name of a plan as its value.

export const deployment = {
  plans: [
    {
      // The tag's value: `holdfast:plan = daily`.
      name: 'daily',
      schedules: {
        // EventBridge Scheduler's expressions: cron(minutes hours day-of-month month day-of-week year) or rate(6 hours).
        // When two are due at the same minute, the wider one runs: full, then differential, then incremental.
        incremental: 'cron(0 2 ? * MON-SAT *)', // reads what changed since the newest point
        full: 'cron(0 2 ? * SUN *)', // reads everything and starts a new chain
      },
      // IANA time zone of the cron expressions; follows daylight saving. A time in the hour that is skipped in spring is
      // refused; one in the hour that comes twice in autumn runs once.
      timeZone: 'UTC',
      // A point cannot be deleted before it is this old. Besides, the first point of each day, week (from Monday), month
      // and year can be kept for so many of them: retention: { keepDays: 30, weekly: 8, monthly: 12, yearly: 7 }.
      // The three newest points are kept whatever their age (minimumPoints). What the calendar keeps beyond keepDays and
      // 100 days (containerAfterDays) becomes a container of its own, in the class archiveClass: 'glacier-instant',
      // 'glacier-flexible' or 'deep-archive'. Try rules with `holdfast retention preview`.
      retention: { keepDays: 30 },
      // A resource whose newest point is older raises an alarm. Left out: the longest pause between two cycles
      // and a quarter more, here 30 hours.
      // rpoHours: 30,
    },
    {
      name: 'weekly',
      schedules: {
        differential: 'cron(30 3 ? * WED *)', // reads what changed since the chain's full
        full: 'cron(30 3 ? * SUN *)',
        // Joins the newest point into one self-contained object; the source is not read.
        syntheticFull: 'cron(0 12 1 * ? *)',
      },
      timeZone: 'UTC',
      retention: { keepDays: 90 },
      // For buckets: only keys that begin with one of these (left out: everything), and whether to read object tags
      // (one more request for every object).
      // sources: { s3: { prefixes: ['documents/'], readTags: true } },
      // How much time is spent to store less: 'fast' for the shortest run, 'max' for the fewest bytes.
      // compression: 'default',
      // For instances and volumes: whether their blocks go into the vault ('vault') or stay in snapshots that live and die
      // with the account ('none'). Of blocks in the vault, snapshots are removed once copied, but the one that the next
      // run lists changes against (baseSnapshot: 'keep'; 're-read' every block instead; 'cheapest': whichever costs less,
      // see `holdfast explain`). They can stay for some days as the faster way back, and be locked for that time.
      // images: { blocks: 'vault', baseSnapshot: 'cheapest', keepSnapshotsDays: 0, lockSnapshots: false },
      // The work that one worker does at a time. Smaller shards spread better, larger ones cost fewer transitions.
      // shard: { files: 10_000, bytes: 1_073_741_824 },
    },
  ],

  // The key of the tag that opts a resource in.
  // tagKey: 'holdfast:plan',

  // governance: nobody lifts locks, unless the vault's policy is changed first: by deploying, break-glass or root.
  // compliance: nobody can, neither the root user nor AWS. Closing the account is the only way out.
  lockMode: 'governance',

  sources: {
    // Volumes and instances: the tag alone decides. Buckets: AWS looks at a bucket's tag only when attribute-based
    // access control (ABAC) is enabled on that bucket (`aws s3api put-bucket-abac`). Name the others here: a bucket, or
    // the beginning of names as 'logs-*'; they need the tag as well. { name: '*', tag: { key: 'team', value: 'web' } } lets in no
    // buckets with ABAC but those that carry that tag, too.
    buckets: [],
    // KMS keys of sources that are encrypted with a customer managed key (the key's own policy must allow it, too).
    keys: [],
  },

  restoreTargets: {
    // Restores write to these buckets only; restoring in place needs the source's name here. While there is none, every
    // restore into a bucket is refused. Volumes are always new, and directories need no name.
    buckets: [],
    // KMS keys that these buckets, or the volumes' snapshots, are encrypted with.
    keys: [],
    // Roles that instances may have which restores launch again (iam:PassRole), by their ARNs. While there is none, a
    // machine that had an instance profile is launched without it, and only if that is asked for.
    roles: [],
  },

  // Lambda functions that work at once, for each cycle and each restore: resourcesAtOnce x shards of each.
  // A new AWS account may run ten functions in all; raise that quota before this number.
  workers: 10,
  resourcesAtOnce: 2,

  // Seconds between two looks at snapshots in the making. Volumes of a restore are looked at every 15 seconds at least.
  // snapshotPollSeconds: 60,

  // Blocks of EBS that the account may read and write in a second, if AWS raised those quotas; four fifths of it are used.
  // blockQuota: 1_000,

  // Daily time at which points are expired, leases renewed, packs swept and a sample verified. Best after the night's cycles.
  // maintenance: { schedule: 'cron(0 5 * * ? *)', timeZone: 'UTC' },

  // Alarms are sent here once the subscription is confirmed.
  notifications: {
    // email: 'backup-team@example.com',
  },

  // The public half of an RSA key pair of 3,072 bits or more, whose owner can open the vault when its KMS key is gone.
  // Keep the private half where neither this account nor its administrators are; see docs/restore.md.
  // offlineRecipient: { publicKey: readFileSync('offline-public.pem', 'utf8') },

  // A vault outlives its deployment (`cdk destroy` keeps it). To go on with one, copy the outputs of HoldfastStorage:
  // existingVault: { bucketName: '…', keyArn: '…', catalogTable: '…', chunkIndexTable: '…' },
} satisfies Deployment;
