import { AccessDeniedError, type ResourceArn } from '@holdfast/engine';
import { beforeEach, expect, test } from 'vitest';
import { bucketArn, CliUnderTest, dailyPlan, volumeArn } from '../cli-under-test.ts';

const key = 'arn:aws:kms:eu-west-1:111122223333:key/1';
const open = { tags: { team: 'web' }, isDecidedByTag: false, customerKeys: [] };

let cli: CliUnderTest;

beforeEach(() => {
  cli = new CliUnderTest();
  cli.sourceFacts.set(bucketArn, open);
});

test('tags a bucket that the deployment may read, keeps its other tags, and starts its first backup', async () => {
  const { code, out } = await cli.run('protect', 'photos', '--plan', 'daily');

  expect(code).toBe(0);
  expect(cli.sourceFacts.get(bucketArn)?.tags).toEqual({ team: 'web', 'holdfast:plan': 'daily' });
  expect(cli.executions.started).toMatchObject([
    { machine: 'protect', input: { resourceArn: bucketArn, kind: 's3-bucket', plan: 'daily', type: 'full' } },
  ]);
  const [{ name, input } = { name: '', input: {} }] = cli.executions.started;
  expect(input).toMatchObject({ runId: name });
  expect(out).toContain(`${bucketArn} is tagged holdfast:plan=daily\nrun ${name} of it has started (full)\n`);
  expect(await cli.json('resources')).toMatchObject([{ resourceArn: bucketArn, plan: 'daily' }]);
});

test('says what it would do, and does nothing, for --dry-run', async () => {
  cli.sourceFacts.set(bucketArn, { ...open, tags: { 'holdfast:plan': 'weekly' } });

  const { code, out } = await cli.run('protect', 'photos', '--plan', 'daily', '--dry-run');

  expect(out).toBe(
    `${bucketArn} would be tagged holdfast:plan=daily, instead of weekly\nits first backup would be started\n`,
  );
  expect(code).toBe(0);
  expect(cli.sourceFacts.get(bucketArn)?.tags).toEqual({ 'holdfast:plan': 'weekly' });
  expect(cli.executions.started).toEqual([]);
});

test('says that it is tagged where the first backup cannot be started', async () => {
  cli.executions.refusal = new AccessDeniedError('states:StartExecution is denied');

  const { code, err } = await cli.run('protect', 'photos', '--plan', 'daily');

  expect(err).toContain('is tagged holdfast:plan=daily, and its first backup could not be started');
  expect(err).toContain('states:StartExecution is denied');
  expect(code).toBe(1);
  expect(cli.sourceFacts.get(bucketArn)?.tags).toMatchObject({ 'holdfast:plan': 'daily' });
});

test('leaves the first backup to the schedule where it is asked to', async () => {
  const document = await cli.json('protect', 'photos', '--plan', 'daily', '--no-backup');

  expect(document).toEqual({
    resourceArn: bucketArn,
    plan: 'daily',
    tagKey: 'holdfast:plan',
    tagged: true,
  });
  expect(cli.executions.started).toEqual([]);
});

test('does not tag a bucket that functions could not read, and names each remedy', async () => {
  cli.configuration = { tagKey: 'holdfast:plan', sources: { buckets: [], keys: [] } };
  cli.sourceFacts.set(bucketArn, { ...open, customerKeys: [key] });

  const { code, err } = await cli.run('protect', 'photos', '--plan', 'daily');

  expect(err).toContain('"aws s3api put-bucket-abac --bucket photos --abac-status Status=Enabled"');
  expect(err).toContain(`it is encrypted with ${key}, which sources.keys of the plans file does not name`);
  expect(code).toBe(2);
  expect(cli.sourceFacts.get(bucketArn)?.tags).toEqual({ team: 'web' });
});

test('a bucket of which a rule names the beginning needs no tag of S3', async () => {
  cli.configuration = { tagKey: 'holdfast:plan', sources: { buckets: ['pho*'], keys: [] } };
  cli.sourceFacts.set(bucketArn, open);

  expect((await cli.run('protect', 'photos', '--plan', 'daily', '--dry-run')).code).toBe(0);
});

test('where rules have tags, a bucket needs one of them besides ABAC, and is told which', async () => {
  const rule = { name: '*', tag: { key: 'team', value: 'video' } };
  cli.configuration = { tagKey: 'holdfast:plan', sources: { buckets: [rule], keys: [] } };
  cli.sourceFacts.set(bucketArn, { ...open, isDecidedByTag: true });

  const { code, err } = await cli.run('protect', 'photos', '--plan', 'daily');

  expect(err).toContain(
    'no rule with a tag in sources.buckets of the plans file fits it (* with team=video)',
  );
  expect(code).toBe(2);

  cli.sourceFacts.set(bucketArn, { ...open, isDecidedByTag: true, tags: { team: 'video' } });
  expect((await cli.run('protect', 'photos', '--plan', 'daily', '--dry-run')).code).toBe(0);
});

test('rules for buckets stand in the way of no volume', async () => {
  const rule = { name: '*', tag: { key: 'team', value: 'video' } };
  cli.configuration = { tagKey: 'holdfast:plan', sources: { buckets: [rule], keys: [] } };
  cli.sourceFacts.set(volumeArn, { tags: {}, isDecidedByTag: true, customerKeys: [] });
  cli.kinds.set(volumeArn, 'ebs-volume');

  expect((await cli.run('protect', volumeArn, '--plan', 'daily', '--dry-run')).code).toBe(0);
});

test('a bucket is tagged where nobody may ask whether the tag decides, with a warning', async () => {
  cli.configuration = { tagKey: 'holdfast:plan', sources: { buckets: [], keys: [] } };
  cli.sourceFacts.set(bucketArn, { ...open, isDecidedByTag: undefined });

  const { code, err } = await cli.run('protect', 'photos', '--plan', 'daily', '--no-backup');

  expect(err).toContain(`whether ABAC is enabled on ${bucketArn} could not be learnt (s3:GetBucketABAC)`);
  expect(code).toBe(0);
  expect(cli.sourceFacts.get(bucketArn)?.tags).toMatchObject({ 'holdfast:plan': 'daily' });
});

test('a tag alone is enough where it decides, and a named key is allowed', async () => {
  cli.configuration = { tagKey: 'holdfast:plan', sources: { buckets: [], keys: [key] } };
  cli.sourceFacts.set(bucketArn, { ...open, isDecidedByTag: true, customerKeys: [key] });

  expect((await cli.run('protect', 'photos', '--plan', 'daily')).code).toBe(0);
});

test('a key matters for a volume only where its blocks are read', async () => {
  const facts = { tags: {}, isDecidedByTag: true, customerKeys: [key] };
  cli.sourceFacts.set(volumeArn, facts);
  cli.kinds.set(volumeArn, 'ebs-volume');
  cli.plans = [
    { ...dailyPlan, name: 'vault', images: { ...dailyPlan.images, blocks: 'vault' } },
    { ...dailyPlan, name: 'snapshots', images: { ...dailyPlan.images, blocks: 'none' } },
  ];

  expect((await cli.run('protect', volumeArn, '--plan', 'vault')).code).toBe(2);
  expect((await cli.run('protect', volumeArn, '--plan', 'snapshots')).code).toBe(0);
});

test('names the bucket, instance or volume that was probably meant, which has to be of the same kind and not its own', async () => {
  const instance = 'arn:aws:ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0' as ResourceArn;
  const mistyped = `${volumeArn.slice(0, -1)}f` as ResourceArn;
  cli.kinds.set(volumeArn, 'ebs-volume').set(mistyped, 'ebs-volume').set(instance, 'ec2-instance');
  cli.inventory.buckets = [
    { arn: 'arn:aws:s3:::vault-bucket' as ResourceArn, kind: 's3-bucket' },
    { arn: bucketArn, kind: 's3-bucket' },
  ];
  cli.inventory.machines = [{ arn: instance, kind: 'ec2-instance', consistsOf: [volumeArn] }];
  const told = async (name: string) => {
    const { code, err } = await cli.run('protect', name, '--plan', 'daily');
    expect(code).toBe(3);
    return err.trim();
  };

  expect(await told('fotos')).toBe('holdfast: there is no arn:aws:s3:::fotos; did you mean photos?');
  expect(await told('vault-buckets')).toBe('holdfast: there is no arn:aws:s3:::vault-buckets');
  expect(await told(`${bucketArn}s`)).toContain(`; did you mean ${bucketArn}?`);
  expect(await told(mistyped)).toContain(`; did you mean ${volumeArn}?`);
});

test('names no other bucket to those who may not list them', async () => {
  cli.inventory.buckets = new AccessDeniedError('s3:ListAllMyBuckets was refused');

  const { code, err } = await cli.run('protect', 'fotos', '--plan', 'daily');

  expect(err).toBe('holdfast: there is no arn:aws:s3:::fotos\n');
  expect(code).toBe(3);
});

test.for([
  [
    ['protect', 'photos', '--plan', 'dayly'],
    3,
    'plan "dayly" does not exist; did you mean daily? deployed plans are: daily',
  ],
  [['protect', 'nowhere', '--plan', 'daily'], 3, 'there is no arn:aws:s3:::nowhere'],
  [['protect', 'vault-bucket', '--plan', 'daily'], 2, 'belongs to this deployment'],
  [
    ['protect', 'arn:aws:rds:eu-west-1:1:db:d', '--plan', 'daily'],
    2,
    'is not a bucket, an instance or a volume',
  ],
] as const)('%j ends with %i: %s', async ([words, wanted, message]) => {
  const { code, err } = await cli.run(...words);

  expect(err).toContain(message);
  expect(code).toBe(wanted);
  expect(cli.executions.started).toEqual([]);
});
