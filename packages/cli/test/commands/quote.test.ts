import { AccessDeniedError, type PointId, type ResourceArn } from '@holdfast/engine';
import { RetentionRules } from '@holdfast/engine/model';
import { beforeEach, expect, test } from 'vitest';
import { bucketArn, CliUnderTest, dailyPlan, volumeArn } from '../cli-under-test.ts';

let cli: CliUnderTest;
const schedules = { incremental: { expression: 'cron(0 2 * * ? *)', timeZone: 'UTC' } };

beforeEach(() => {
  cli = new CliUnderTest();
  cli.plans = [{ ...dailyPlan, schedules }];
  for (let n = 0; n < 20; n++) cli.source.plant(`text/${n}`, `line ${n} `.repeat(500));
});

test('says what a bucket’s first backup would store and cost, and a month of its plan', async () => {
  await cli.plantResource();

  const { code, out } = await cli.run('quote', 'photos');

  expect(code).toBe(0);
  expect(out).toMatch(/^resource {4}arn:aws:s3:::photos, by plan daily$/m);
  expect(out).toMatch(/^content {5}20 files, 73 KiB$/m);
  expect(out).toMatch(/^read {8}all of it, 73 KiB$/m);
  expect(out).toMatch(
    /^stored {6}2\.\d KiB, 95 % sure of 2\.\d KiB to 3\.\d KiB: deduplicated and compressed$/m,
  );
  expect(out).toMatch(/^first copy {2}23 requests, about \$0\.\d+/m);
  expect(out).toMatch(/^assumed {5}1 % of the content is new every day/m);
  expect(out).toMatch(/^31 days +30 +0 /m);
  expect(out).toMatch(/^asking cost 21 requests, about \$0\.0000/m);
});

test('gives programs every number', async () => {
  await cli.plantResource();

  const quote = await cli.json('quote', 'photos', '--changed-per-day', '5%');

  expect(quote).toMatchObject({
    resourceArn: bucketArn,
    plan: 'daily',
    assumed: { changedPerDay: 0.05 },
    listed: { files: 20, bytes: 75_000 },
    classes: { STANDARD: { files: 20 } },
    sample: { isWhole: true, askedIndex: false },
    firstCopy: { requests: 23 },
    months: [{ afterDays: 31, points: 30, containers: 0 }],
  });
});

test('says that the vault is empty still, and asks it once there is one', async () => {
  await cli.plantResource();
  const before = await cli.run('quote', 'photos');
  await cli.backUp();

  const after = await cli.json('quote', 'photos');

  expect(before.err).toContain('what the vault has already counts as new');
  expect(after).toMatchObject({ knownBytes: 75_000, sample: { askedIndex: true } });
});

test('the first backup, lists and the status show how far the quote was off', async () => {
  await cli.plantResource();
  await cli.run('quote', 'photos');
  expect((await cli.run('status')).out).not.toContain('quote ');
  await cli.backUp();

  const points = await cli.run('points', 'photos');
  const status = await cli.run('status');
  const document = await cli.json('status');

  const text =
    /the first backup stored \d\.\d KiB, [\d.]+ % (more|less) than the \d\.\d KiB that were quoted/;
  expect(points.out).toMatch(text);
  expect(points.out).not.toContain('outside what the quote was sure of');
  expect(status.out).toMatch(text);
  expect(document).toMatchObject({
    drifts: [{ resourceArn: bucketArn, first: { quotedBytes: expect.any(Number) } }],
  });
});

test('a later backup shows how much was really new in a day', async () => {
  await cli.plantResource();
  await cli.run('quote', 'photos');
  await cli.backUp();
  cli.clock.advance(86_400_000);
  cli.source.plant('new', 'n'.repeat(18_000));
  await cli.backUp('incremental');

  expect((await cli.run('points', 'photos')).out).toContain(
    '19 % of the content was new in a day, where 1 % was assumed',
  );
});

test('a plan is quoted resource by resource, with the sum, and without what is a part of another', async () => {
  await cli.plantResource();
  await cli.plantResource({ arn: volumeArn, kind: 'ebs-volume' });
  await cli.plantResource({
    arn: 'arn:aws:ec2:eu-west-1:111122223333:volume/vol-0b2' as ResourceArn,
    kind: 'ebs-volume',
    partOf: 'arn:aws:ec2:eu-west-1:111122223333:instance/i-0c3' as ResourceArn,
  });

  const { code, out } = await cli.run('quote', 'daily');

  expect(code).toBe(0);
  expect(out).toMatch(/^photos +73 KiB /m);
  expect(out).toMatch(/vol-0a1 +8\.0 GiB +8\.0 GiB /);
  expect(out).toMatch(/^together +8\.0 GiB /m);
  expect(out).not.toContain('vol-0b2');
  expect(await cli.json('quote', 'daily')).toMatchObject({
    plan: 'daily',
    quotes: [{ image: { volumes: 1 } }, { resourceArn: bucketArn }],
    failed: [],
  });
});

test('a resource of a plan that cannot be read is named, and the others are quoted', async () => {
  await cli.plantResource();
  await cli.plantResource({ arn: volumeArn, kind: 'ebs-volume' });
  cli.source.break('access denied');

  const { code, out, err } = await cli.run('quote', 'daily');

  expect(code).toBe(1);
  expect(err).toContain('arn:aws:s3:::photos is not in the quote: the source cannot be read');
  expect(out).toContain('vol-0a1');
});

test('an image costs at most the blocks of its volumes', async () => {
  await cli.plantResource({ arn: volumeArn, kind: 'ebs-volume' });

  const { out } = await cli.run('quote', 'vol-0a1');

  expect(out).toContain('image       1 volume, 8.0 GiB');
  // 30 points a day apart, 8 GiB, and 29 times 1 % of it, at $0.023 in the vault and $0.05 in EC2.
  expect(out).toMatch(/^31 days +30 +0 +10 GiB +\$0\.24 +\$0\.52 +\$0\.52$/m);
});

test('an image costs the blocks that were in use at its newest snapshot, where there is one', async () => {
  await cli.plantResource({ arn: volumeArn, kind: 'ebs-volume' });
  cli.usedBytes.set('vol-0a1', 2 * 2 ** 30);

  const { out } = await cli.run('quote', 'vol-0a1');

  expect(out).toContain('image       1 volume, 8.0 GiB, of which 2.0 GiB were in use at the newest snapshot');
  expect(out).toMatch(/^31 days +30 +0 +2\.6 GiB +\$0\.0593 +\$0\.13 +\$0\.13$/m);
});

test('backups of an image show how far its quote was off, by the blocks that are in use', async () => {
  await cli.plantResource({ arn: volumeArn, kind: 'ebs-volume' });
  cli.usedBytes.set('vol-0a1', 2 ** 20);
  await cli.run('quote', 'vol-0a1');
  const content = new Uint8Array(3 * 2 ** 19).fill(1, 0, 2 ** 19);
  const pointId = await cli.backUpVolumes({ volume: 'vol-0a1', content });
  const first = await cli.catalog.points.find(pointId);
  cli.clock.advance(86_400_000);
  const later = cli.clock.now();
  await cli.plantPoint({
    ...first,
    pointId: 'later' as PointId,
    type: 'incremental',
    basePointId: pointId,
    sourceTime: later,
    committedAt: later,
    counts: { ...first!.counts, newBytes: 2 ** 17 },
  });

  const { out } = await cli.run('points', 'vol-0a1');

  expect(out).toMatch(/the first backup stored \d+ B, 100 % less than the 1\.0 MiB that were quoted/);
  expect(out).toContain('25 % of the content was new in a day, where 1 % was assumed');
});

test('an image whose blocks stay in EC2 has nothing to be compared with', async () => {
  cli.plans = [{ ...dailyPlan, schedules, images: { ...dailyPlan.images, blocks: 'none' } }];
  await cli.plantResource({ arn: volumeArn, kind: 'ebs-volume' });

  await cli.run('quote', 'vol-0a1');

  expect((await cli.catalog.resources.find(volumeArn))?.quote).toBeUndefined();
});

test('a bucket that no cycle has discovered yet is quoted by its ARN and a plan', async () => {
  const arn = 'arn:aws:s3:::new-bucket';

  const without = await cli.run('quote', arn);
  const { code } = await cli.run('quote', arn, '--plan', 'daily');
  await cli.plantResource({ arn: arn as ResourceArn });

  expect(without).toMatchObject({ code: 2, err: expect.stringContaining('with --plan') });
  expect(code).toBe(0);
  expect((await cli.catalog.resources.find(arn as ResourceArn))?.quote).toMatchObject({
    logicalBytes: 75_000,
  });
});

test('rules of the calendar are priced with their containers', async () => {
  cli.plans = [{ ...dailyPlan, schedules, retention: RetentionRules.parse({ keepDays: 30, monthly: 12 }) }];
  await cli.plantResource();

  const { months } = (await cli.json('quote', 'photos')) as { months: { containers: number }[] };

  expect(months).toHaveLength(2);
  expect(months.at(-1)?.containers).toBeGreaterThanOrEqual(12);
});

test('what may not be kept is said, and the quote is printed all the same', async () => {
  await cli.plantResource();
  cli.catalog.resources.noteQuote = async () => Promise.reject(new AccessDeniedError('no right'));

  const { code, out, err } = await cli.run('quote', 'photos');

  expect(code).toBe(0);
  expect(out).toContain('first copy');
  expect(err).toContain('the quote is not kept, and no backup can be compared with it: no right');
});

test('an index that may not be asked is said, and what the vault has counts as new', async () => {
  await cli.backUpThreeFiles();
  cli.index.find = async () => Promise.reject(new AccessDeniedError('the index may not be read'));

  const { code, err } = await cli.run('quote', 'photos');

  expect(code).toBe(0);
  expect(err).toContain('what the vault has already counts as new: the index may not be read');
});

test.for([
  [['quote'], 2, 'name a resource or a plan'],
  [['quote', 'nothing'], 3, 'resource "nothing" is not in the catalog'],
  [['quote', 'photos', '--changed-per-day', '101%'], 2, 'is not a share; write one from 0% to 100%'],
  [['quote', 'photos', '--changed-per-day', 'some'], 2, 'is not a share'],
  [['quote', 'photos', '--sample-requests', '0'], 2, 'is not a number of requests'],
  [['quote', 'photos', '--plan', 'weekly'], 3, 'plan "weekly" does not exist'],
] as const)('refuses %j, and says why', async ([argv, code, message]) => {
  await cli.plantResource();

  expect(await cli.run(...argv)).toMatchObject({ code, out: '', err: expect.stringContaining(message) });
});

test('a bucket that cannot be listed ends it', async () => {
  await cli.plantResource();
  cli.source.break('no such bucket');

  const { code, err } = await cli.run('quote', 'photos');

  expect(code).toBe(1);
  expect(err).toContain('no such bucket');
});

test('Ctrl-C ends it', async () => {
  await cli.plantResource();
  cli.abort.abort();

  expect(await cli.run('quote', 'photos')).toMatchObject({ code: 130, out: '' });
});
