import * as z from 'zod';
import {
  ArchiveClass,
  BaseSnapshot,
  bucketNamePattern,
  CompressionLevel,
  defaultImageSettings,
  ImageBlocks,
  longestGapMinutes,
  longestSnapshotLockDays,
  parseOfflinePublicKey,
  parseScheduleExpression,
  type RetentionBounds,
  retentionBounds,
  ScheduleExpressionError,
  type ScheduleTimes,
  skippedRuns,
} from '@holdfast/engine/model';

const notABucket = 'is not the name of a bucket; write it without s3:// and without a path';
const BucketName = z.string().regex(bucketNamePattern, notABucket);
/** A text, or names with a tag that S3 looks at. All names but those with a tag have a beginning. */
const SourceBuckets = z.string().superRefine(checkSourceName);
const BucketsByTag = z.strictObject({
  name: z
    .string()
    .regex(
      /^(\*|[a-z0-9][a-z0-9.-]{0,61}\*|[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])$/,
      "is not the name of a bucket, the beginning of one as 'logs-*', or '*'",
    ),
  tag: z.strictObject({
    key: z.string().regex(/^[\w+\-=.:/@ ]{1,128}$/, 'is not a tag key that AWS takes'),
    value: z
      .string()
      .regex(
        /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u,
        'is not the value of a tag that AWS takes, and no pattern',
      ),
  }),
});
const notARule =
  "is no rule for buckets: write a name, the beginning of names as 'logs-*', or names with a tag as " +
  "{ name: '*', tag: { key: 'team', value: 'web' } }";
const KeyArn = z
  .string()
  .regex(
    /^arn:aws[a-z0-9-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/,
    'is not the ARN of a KMS key; copy it from the key, an alias does not do',
  );
const RoleArn = z
  .string()
  .regex(
    /^arn:aws[a-z0-9-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/,
    'is not the ARN of a role; an instance profile has another',
  );
const TableName = z.string().regex(/^[\w.-]{3,255}$/, 'is not the name of a DynamoDB table');
const whole = (min: number, max: number, unit: string) =>
  z
    .number(`must be a number of ${unit}`)
    .int(`must be a whole number of ${unit}`)
    .min(min, `must be ${min} or more (${unit})`)
    .max(max, `must be ${max} or less (${unit})`);

const Schedule = z.string().transform((expression, context): { expression: string; times: ScheduleTimes } => {
  try {
    const times = parseScheduleExpression(expression);
    if (longestGapMinutes([times]) !== undefined) return { expression, times };
    context.addIssue({
      code: 'custom',
      message: 'does not run twice within 800 days; choose days that exist',
    });
  } catch (error) {
    if (!(error instanceof ScheduleExpressionError)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
  }
  return z.NEVER;
});

/** Rules that are left out are decided by the engine's defaults. */
const Retention = z.strictObject({
  ...optionalRules(),
  keepDays: rule(retentionBounds.keepDays),
  archiveClass: z
    .enum(ArchiveClass.options, 'must be glacier-instant, glacier-flexible or deep-archive')
    .optional(),
});

function rule({ least, most, unit }: RetentionBounds): z.ZodNumber {
  return whole(least, most, unit);
}

function optionalRules(): Record<keyof typeof retentionBounds, z.ZodOptional<z.ZodNumber>> {
  const rules = Object.entries(retentionBounds).map(([name, bounds]) => [name, rule(bounds).optional()]);
  return Object.fromEntries(rules) as ReturnType<typeof optionalRules>;
}

const Plan = z
  .strictObject({
    name: z
      .string()
      .regex(
        /^[a-z0-9-]{1,24}$/,
        'must be 1 to 24 lower-case letters, digits and hyphens: it becomes a tag value and part of execution names',
      ),
    schedules: z.strictObject({
      full: Schedule.optional(),
      incremental: Schedule.optional(),
      differential: Schedule.optional(),
      syntheticFull: Schedule.optional(),
    }),
    timeZone: z.string().superRefine(checkTimeZone).default('UTC'),
    retention: Retention,
    rpoHours: z
      .number()
      .min(1, 'must be at least 1 hour')
      .max(24 * 400, 'must be at most 9600 hours')
      .optional(),
    sources: z
      .strictObject({
        s3: z
          .strictObject({
            prefixes: z.array(z.string().min(1).max(1024)).min(1).optional(),
            readTags: z.boolean().default(true),
          })
          .prefault({}),
      })
      .prefault({}),
    compression: z.enum(CompressionLevel.options, 'must be fast, default or max').default('default'),
    /** Blocks of volumes, and the snapshots that they are read from. */
    images: z
      .strictObject({
        blocks: z.enum(ImageBlocks.options, 'must be vault or none').default(defaultImageSettings.blocks),
        baseSnapshot: z
          .enum(BaseSnapshot.options, 'must be cheapest, keep or re-read')
          .default(defaultImageSettings.baseSnapshot),
        keepSnapshotsDays: whole(0, longestSnapshotLockDays, 'days').default(
          defaultImageSettings.keepSnapshotsDays,
        ),
        lockSnapshots: z.boolean().default(defaultImageSettings.lockSnapshots),
      })
      .prefault({}),
    shard: z
      .strictObject({
        files: whole(1, 100_000, 'files').default(10_000),
        bytes: whole(2 ** 20, 8 * 2 ** 30, 'bytes').default(2 ** 30),
      })
      .prefault({}),
  })
  .superRefine(checkPlan);

/** The export of a plans file: every decision of one deployment. Properties of the construct say what each is for. */
export const Deployment = z
  .strictObject({
    plans: z.array(Plan).min(1, 'must name at least one plan'),
    tagKey: z
      .string()
      .regex(
        /^(?!aws:)[\w+\-=.:/@ ]{1,128}$/,
        'is not a tag key that AWS takes: 1 to 128 letters, digits and + - = . _ : / @, not starting with aws:',
      )
      .default('holdfast:plan'),
    lockMode: z.enum(['governance', 'compliance'], 'must be governance or compliance').default('governance'),
    sources: z
      .strictObject({
        buckets: z.array(z.union([SourceBuckets, BucketsByTag], notARule)).default([]),
        keys: z.array(KeyArn).default([]),
      })
      .prefault({}),
    restoreTargets: z
      .strictObject({
        buckets: z.array(BucketName).default([]),
        keys: z.array(KeyArn).default([]),
        roles: z.array(RoleArn).default([]),
      })
      .prefault({}),
    workers: whole(1, 1000, 'workers').default(10),
    resourcesAtOnce: whole(1, 1000, 'resources').optional(),
    maintenance: z
      .strictObject({
        schedule: Schedule.prefault('cron(0 5 * * ? *)'),
        timeZone: z.string().superRefine(checkTimeZone).default('UTC'),
      })
      .superRefine(({ schedule, timeZone }, context) => {
        checkSkippedRuns(schedule, timeZone, ['schedule'], context);
      })
      .prefault({}),
    snapshotPollSeconds: whole(1, 300, 'seconds').default(60),
    /** Blocks of EBS that the account may read, and write, in a second in its region. */
    blockQuota: whole(100, 1_000_000, 'blocks a second').optional(),
    notifications: z.strictObject({ email: z.email('is not an email address').optional() }).prefault({}),
    offlineRecipient: z.strictObject({ publicKey: z.string().transform(offlinePublicKey) }).optional(),
    existingVault: z
      .strictObject({
        bucketName: BucketName,
        keyArn: KeyArn,
        catalogTable: TableName,
        chunkIndexTable: TableName,
      })
      .optional(),
  })
  .superRefine(checkDeployment);
export type Deployment = z.input<typeof Deployment>;

export type ParsedDeployment = z.output<typeof Deployment>;
export type ParsedPlan = z.output<typeof Plan>;

function checkPlan(plan: ParsedPlan, context: z.RefinementCtx): void {
  for (const [type, schedule] of Object.entries(plan.schedules)) {
    checkSkippedRuns(schedule, plan.timeZone, ['schedules', type], context);
  }
  const { blocks, keepSnapshotsDays, lockSnapshots } = plan.images;
  if (blocks === 'none' && keepSnapshotsDays > 0) {
    context.addIssue({
      code: 'custom',
      path: ['images', 'keepSnapshotsDays'],
      message: 'has no meaning without blocks in the vault: snapshots are kept for as long as their point',
    });
  }
  // EC2 locks for a day at least, counted from the moment at which it is asked, which is after the commit.
  const lockedDays = blocks === 'vault' ? keepSnapshotsDays : plan.retention.keepDays;
  if (lockSnapshots && lockedDays < 2) {
    context.addIssue({
      code: 'custom',
      path: ['images', 'lockSnapshots'],
      message:
        blocks === 'vault'
          ? 'needs keepSnapshotsDays of 2 or more: snapshots go as soon as their blocks are in the vault'
          : 'needs keepDays of 2 or more',
    });
  }
  const reading = [plan.schedules.full, plan.schedules.incremental, plan.schedules.differential];
  if (reading.every((schedule) => schedule === undefined)) {
    context.addIssue({
      code: 'custom',
      path: ['schedules'],
      message: 'has no schedule that reads the source; add full, incremental or differential',
    });
  }
}

function checkSkippedRuns(
  schedule: { readonly times: ScheduleTimes } | undefined,
  timeZone: string,
  path: string[],
  context: z.RefinementCtx,
): void {
  if (schedule === undefined || !isTimeZone(timeZone)) return;
  const [first, ...others] = skippedRuns(schedule.times, timeZone, new Date());
  if (first === undefined) return;
  const dates = [first, ...others].map(({ date }) => date).join(' and ');
  context.addIssue({
    code: 'custom',
    path,
    message:
      `does not run on ${dates}, when the clock of ${timeZone} goes from ${first.from} to ${first.to}: EventBridge ` +
      `Scheduler skips a time that does not exist; choose one before ${first.from} or from ${first.to} on, or timeZone UTC`,
  });
}

/** The key as base64 of its DER, which is what the functions are told. */
function offlinePublicKey(text: string, context: z.RefinementCtx): string {
  const parsed = parseOfflinePublicKey(text);
  if ('key' in parsed) return parsed.key.export({ type: 'spki', format: 'der' }).toString('base64');
  context.addIssue({ code: 'custom', message: parsed.problem });
  return z.NEVER;
}

function checkDeployment(deployment: ParsedDeployment, context: z.RefinementCtx): void {
  const names = deployment.plans.map((plan) => plan.name);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) !== index) {
      context.addIssue({
        code: 'custom',
        path: ['plans', index, 'name'],
        message: 'is the name of an earlier plan as well; give each plan its own',
      });
    }
  }
  const { workers, resourcesAtOnce = 1, existingVault, restoreTargets } = deployment;
  if (resourcesAtOnce > workers) {
    context.addIssue({
      code: 'custom',
      path: ['resourcesAtOnce'],
      message: `must not be more than workers (${workers}): each resource needs a worker`,
    });
  }
  if (existingVault !== undefined && restoreTargets.buckets.includes(existingVault.bucketName)) {
    context.addIssue({
      code: 'custom',
      path: ['restoreTargets', 'buckets'],
      message: `must not contain the vault (${existingVault.bucketName}); restore into another bucket`,
    });
  }
}

function checkSourceName(name: string, context: z.RefinementCtx): void {
  if (bucketNamePattern.test(name) || /^[a-z0-9][a-z0-9.-]{2,61}\*$/.test(name)) return;
  const message = !name.includes('*')
    ? notABucket
    : /^\*+$/.test(name)
      ? "would open every bucket of the account: write the beginning of their names ('logs-*'), a tag that S3 looks at " +
        "({ name: '*', tag: { key: 'team', value: 'web' } }), or nothing: a bucket on which ABAC is enabled needs no more than its plan's tag"
      : "is no beginning of names: three characters or more that names may have, and one asterisk at the end, as 'logs-*'";
  context.addIssue({ code: 'custom', message });
}

function isTimeZone(timeZone: string): boolean {
  return timeZone === 'UTC' || Intl.supportedValuesOf('timeZone').includes(timeZone);
}

function checkTimeZone(timeZone: string, context: z.RefinementCtx): void {
  if (isTimeZone(timeZone)) return;
  const known = Intl.supportedValuesOf('timeZone');
  const [, ...rest] = timeZone.toLowerCase().split('/');
  const city = rest.at(-1) ?? timeZone.toLowerCase();
  const similar = known.find(
    (zone) => zone.toLowerCase().endsWith(`/${city}`) || zone.toLowerCase() === timeZone.toLowerCase(),
  );
  const remedy =
    similar === undefined ? 'write one such as Europe/Berlin, or UTC' : `did you mean ${similar}?`;
  context.addIssue({ code: 'custom', message: `is not an IANA time zone; ${remedy}` });
}
