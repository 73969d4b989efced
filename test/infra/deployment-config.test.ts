import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { DeploymentConfigError } from '../../lib/deployment-config-error.ts';
import { parseDeploymentConfig, plansFileOf } from '../../lib/deployment-config.ts';
import type { Deployment } from '../../lib/deployment-schema.ts';
import * as defaultPlans from '../../lib/plans.ts';

type Plan = Deployment['plans'][number];

const plan: Plan = { name: 'daily', schedules: { full: 'cron(0 2 * * ? *)' }, retention: { keepDays: 30 } };
const config = (changes: Partial<Deployment> = {}, planChanges: Partial<Plan> = {}) =>
  parseDeploymentConfig({ deployment: { plans: [{ ...plan, ...planChanges }], ...changes } });

function problemsOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(DeploymentConfigError);
    return (error as Error).message;
  }
  return 'no problem';
}

const bound = (workers: number, resourcesAtOnce?: number) => {
  const read = config({ workers, resourcesAtOnce });
  return [read.resourcesAtOnce, read.shardsAtOnce];
};

describe('a deployment', () => {
  test('is what lib/plans.ts says', () => {
    const { plans, lockMode, tagKey } = parseDeploymentConfig(defaultPlans);

    expect(plans.map(({ name, rpoHours }) => [name, rpoHours])).toEqual([
      ['daily', 30],
      ['weekly', 120],
    ]);
    expect({ lockMode, tagKey }).toEqual({ lockMode: 'governance', tagKey: 'holdfast:plan' });
  });

  test('runs no more workers at once than it says', () => {
    expect(bound(10)).toEqual([2, 5]);
    expect(bound(1)).toEqual([1, 1]);
    expect(bound(10, 3)).toEqual([3, 3]);
    expect(bound(7, 7)).toEqual([7, 1]);
  });

  test('derives the RPO from the longest pause between schedules that read the source', () => {
    const rpo = (schedules: Plan['schedules']) => config({}, { schedules }).plans[0]?.rpoHours;

    expect(rpo({ full: 'cron(0 2 * * ? *)' })).toBe(30);
    expect(rpo({ full: 'rate(1 hour)' })).toBe(3);
    expect(rpo({ full: 'cron(0 2 ? * SUN *)', syntheticFull: 'rate(1 hour)' })).toBe(210);
    expect(config({}, { rpoHours: 48 }).plans[0]?.rpoHours).toBe(48);
  });

  test('takes account and region from the context', () => {
    const context = { account: '111122223333', region: 'eu-central-1' } as Record<string, unknown>;

    expect(parseDeploymentConfig(defaultPlans, (key) => context[key]).environment).toEqual(context);
    expect(plansFileOf((key) => ({ plans: 'mine.ts' })[key])).toBe('mine.ts');
    expect(plansFileOf(() => undefined)).toBe('lib/plans.ts');
  });

  test.each([
    'eusc-de-east-1',
    'us-gov-west-1',
    'us-iso-east-1',
    'us-isob-east-1',
    'eu-isoe-west-1',
    'us-isof-south-1',
    'cn-northwest-1',
    'mx-central-1',
    'ap-southeast-12',
  ])('goes to %s, as to every region that looks like one', (region) => {
    const context: Record<string, unknown> = { region };

    expect(parseDeploymentConfig(defaultPlans, (key) => context[key]).environment.region).toBe(region);
  });

  test('takes keys of every partition', () => {
    const keys = ['aws', 'aws-cn', 'aws-us-gov', 'aws-iso-b', 'aws-eusc'].map(
      (partition) => `arn:${partition}:kms:eusc-de-east-1:111122223333:key/mrk-1`,
    );

    expect(config({ sources: { keys } }).sources.keys).toEqual(keys);
  });

  test('is maintained at a time that every day has', () => {
    expect(
      problemsOf(() =>
        config({ maintenance: { schedule: 'cron(30 2 * * ? *)', timeZone: 'Europe/Berlin' } }),
      ),
    ).toMatch(/maintenance\.schedule .*does not run on \d{4}-03-\d\d/);
  });

  test('is maintained daily, and refuses a time that does not exist', () => {
    expect(config().maintenance).toMatchObject({
      schedule: { expression: 'cron(0 5 * * ? *)' },
      timeZone: 'UTC',
    });
    expect(problemsOf(() => config({ maintenance: { schedule: 'cron(0 5 30 2 ? *)' } }))).toContain(
      'maintenance.schedule',
    );
    expect(problemsOf(() => config({ maintenance: { timeZone: 'Europe/Wien' } }))).toContain(
      'maintenance.timeZone',
    );
  });
});

describe('a deployment that cannot be', () => {
  test.each<[string, Partial<Plan>, string]>([
    [
      'name',
      { name: 'Daily' },
      'plans[0].name "Daily" must be 1 to 24 lower-case letters, digits and hyphens',
    ],
    ['long name', { name: 'a'.repeat(25) }, 'must be 1 to 24'],
    [
      'time zone',
      { timeZone: 'Mars/Olympus' },
      'plans[0].timeZone "Mars/Olympus" is not an IANA time zone; write one such as',
    ],
    [
      'schedule in an hour that summer time skips',
      { schedules: { full: 'cron(30 2 ? * SUN *)' }, timeZone: 'Europe/Berlin' },
      'when the clock of Europe/Berlin goes from 02:00 to 03:00: EventBridge Scheduler skips a time that does not exist',
    ],
    ['misspelt time zone', { timeZone: 'europe/berlin' }, 'did you mean Europe/Berlin?'],
    [
      'schedule',
      { schedules: { full: 'cron(0 25 * * ? *)' } },
      'plans[0].schedules.full "cron(0 25 * * ? *)" has "25" for hours; use 0 to 23',
    ],
    [
      'schedule that never runs',
      { schedules: { full: 'cron(0 2 30 2 ? *)' } },
      'does not run twice within 800 days',
    ],
    [
      'plan without a reading schedule',
      { schedules: { syntheticFull: 'rate(1 day)' } },
      'has no schedule that reads the source',
    ],
    [
      'retention below a day',
      { retention: { keepDays: 0 } },
      'plans[0].retention.keepDays 0 must be 1 or more (days)',
    ],
    ['part of a day', { retention: { keepDays: 1.5 } }, 'must be a whole number of days'],
    ['RPO', { rpoHours: 0.5 }, 'plans[0].rpoHours 0.5 must be at least 1 hour'],
    [
      'compression',
      { compression: 'best' as 'max' },
      'plans[0].compression "best" must be fast, default or max',
    ],
    [
      'place of blocks',
      { images: { blocks: 'ebs' as 'vault' } },
      'plans[0].images.blocks "ebs" must be vault or none',
    ],
    [
      'base snapshot',
      { images: { baseSnapshot: 'never' as 'keep' } },
      'plans[0].images.baseSnapshot "never" must be cheapest, keep or re-read',
    ],
    [
      'days of snapshots that are kept with their point',
      { images: { blocks: 'none', keepSnapshotsDays: 7 } },
      'plans[0].images.keepSnapshotsDays 7 has no meaning without blocks in the vault',
    ],
    [
      'lock of snapshots that are removed at once',
      { images: { blocks: 'vault', lockSnapshots: true } },
      'plans[0].images.lockSnapshots true needs keepSnapshotsDays of 2 or more',
    ],
    ['shard without files', { shard: { files: 0 } }, 'plans[0].shard.files 0 must be 1 or more (files)'],
    [
      'shard below a mebibyte',
      { shard: { bytes: 1000 } },
      'plans[0].shard.bytes 1000 must be 1048576 or more (bytes)',
    ],
    ['shard above 8 GiB', { shard: { bytes: 2 ** 40 } }, 'must be 8589934592 or less (bytes)'],
  ])('is refused for its %s', (_what, changes, message) => {
    expect(problemsOf(() => config({}, changes))).toContain(message);
  });

  test.each<[string, Partial<Deployment>, string]>([
    ['no plans', { plans: [] }, 'plans must name at least one plan'],
    [
      'two plans of one name',
      { plans: [plan, plan] },
      'plans[1].name "daily" is the name of an earlier plan',
    ],
    ['workers', { workers: 0 }, 'workers 0 must be 1 or more (workers)'],
    [
      'a quota that no account has',
      { blockQuota: 10 },
      'blockQuota 10 must be 100 or more (blocks a second)',
    ],
    ['more workers than Lambda has', { workers: 1001 }, 'workers 1001 must be 1000 or less'],
    [
      'more resources than workers',
      { workers: 4, resourcesAtOnce: 5 },
      'resourcesAtOnce 5 must not be more than workers (4)',
    ],
    ['tag key', { tagKey: 'aws:plan' }, 'tagKey "aws:plan" is not a tag key that AWS takes'],
    ['lock mode', { lockMode: 'soft' as 'governance' }, 'lockMode "soft" must be governance or compliance'],
    [
      'bucket',
      { sources: { buckets: ['s3://x'] } },
      'sources.buckets[0] "s3://x" is not the name of a bucket',
    ],
    [
      'all buckets',
      { sources: { buckets: ['*'] } },
      '"*" would open every bucket of the account: write the beginning',
    ],
    [
      'a short beginning',
      { sources: { buckets: ['lo*'] } },
      '"lo*" is no beginning of names: three characters or more',
    ],
    ['capitals', { sources: { buckets: ['Logs-*'] } }, 'three characters or more that names may have'],
    [
      'a tag without a value',
      { sources: { buckets: [{ name: '*', tag: { key: 'team' } } as never] } },
      'sources.buckets[0] is no rule for buckets: write a name, the beginning of names',
    ],
    ['a pattern', { sources: { buckets: ['*-logs'] } }, '"*-logs" is no beginning of names'],
    [
      'a pattern in a tag',
      { sources: { buckets: [{ name: '*', tag: { key: 'team', value: '${aws:username}' } }] } },
      'sources.buckets[0].tag.value "${aws:username}" is not the value of a tag that AWS takes, and no pattern',
    ],
    [
      'alias',
      { restoreTargets: { keys: ['alias/x'] } },
      'restoreTargets.keys[0] "alias/x" is not the ARN of a KMS key',
    ],
    [
      'profile in place of a role',
      { restoreTargets: { roles: ['arn:aws:iam::111122223333:instance-profile/web'] } },
      'restoreTargets.roles[0] "arn:aws:iam::111122223333:instance-profile/web" is not the ARN of a role',
    ],
    ['email', { notifications: { email: 'team' } }, 'notifications.email "team" is not an email address'],
    [
      'vault as target',
      {
        existingVault: {
          bucketName: 'vault',
          keyArn: 'arn:aws:kms:eu-central-1:111122223333:key/mrk-1',
          catalogTable: 'catalog',
          chunkIndexTable: 'chunks',
        },
        restoreTargets: { buckets: ['vault'] },
      },
      'restoreTargets.buckets must not contain the vault (vault)',
    ],
  ])('is refused for its %s', (_what, changes, message) => {
    expect(problemsOf(() => config(changes))).toContain(message);
  });

  test('names every problem at once, and a misspelt setting', () => {
    const deployment = {
      plans: [{ ...plan, timeZone: 'Mars', retention: { keepDays: 0 }, keepdays: 3 }],
      worker: 4,
    };

    const problems = problemsOf(() => parseDeploymentConfig({ deployment })).split('\n');

    expect(problems[0]).toBe('lib/plans.ts cannot be deployed:');
    expect(problems).toContain(
      '  plans[0] has no setting "keepdays"; check the spelling against lib/plans.ts',
    );
    expect(problems).toContain('  has no setting "worker"; check the spelling against lib/plans.ts');
    expect(problems).toHaveLength(5);
  });

  test('says what a setting that is missing would be', () => {
    const { retention: _retention, ...rest } = plan;

    expect(problemsOf(() => parseDeploymentConfig({ deployment: { plans: [rest] } }))).toContain(
      'plans[0].retention (missing)',
    );
  });

  test('is refused when its file exports nothing', () => {
    expect(
      problemsOf(() => parseDeploymentConfig({}, (key) => (key === 'plans' ? 'mine.ts' : undefined))),
    ).toBe('mine.ts exports no "deployment"; copy the form of lib/plans.ts');
  });

  test('is refused for an account or region that is none', () => {
    const context: Record<string, unknown> = { account: '12', region: 'Frankfurt' };

    const problems = problemsOf(() => parseDeploymentConfig(defaultPlans, (key) => context[key]));

    expect(problems).toContain('account "12" must be the 12 digits');
    expect(problems).toContain('region "Frankfurt" must be a region such as');
  });

  test('takes the public key of an offline recipient, as the functions are told it', () => {
    const publicKey = makePublicKey(3072);

    const { offlineRecipient } = config({ offlineRecipient: { publicKey } });

    expect(offlineRecipient?.publicKey).toBe(publicKey.replaceAll(/-----.*-----|\n/g, ''));
  });

  test('is refused for an offline recipient whose key is private, too small or no RSA key', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
    const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));

    expect(problemsOfKey(pem)).not.toContain(pem.slice(40, 60));
    expect(problemsOfKey(pem)).toContain('is a PRIVATE key');
    expect(problemsOfKey(makePublicKey(2048))).toContain('offlineRecipient.publicKey');
    expect(problemsOfKey(makePublicKey(2048))).toContain('2048 bits, less than 3072');
    expect(problemsOfKey('nonsense')).toContain('no public key in PEM');
  });
});

function problemsOfKey(publicKey: string): string {
  return problemsOf(() => config({ offlineRecipient: { publicKey } }));
}

function makePublicKey(modulusLength: number): string {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength });
  return String(publicKey.export({ type: 'spki', format: 'pem' }));
}
