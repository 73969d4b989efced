import type { PointId, ResourceArn } from '@holdfast/engine';
import { defaultImageSettings, type Plan } from '@holdfast/engine/model';
import { beforeEach, expect, test } from 'vitest';
import { bucketArn, CliUnderTest, dailyPlan, volumeArn } from '../cli-under-test.ts';

const full = '20261122T020000Z-00000000000000aa' as PointId;
const incremental = '20261123T020000Z-00000000000000bb' as PointId;
const daily = { expression: 'cron(0 2 * * ? *)', timeZone: 'UTC' };
const plan: Plan = {
  ...dailyPlan,
  schedules: { incremental: daily },
  images: { ...defaultImageSettings, blocks: 'vault' },
};

let cli: CliUnderTest;

beforeEach(async () => {
  cli = new CliUnderTest();
  cli.plans = [plan];
  await cli.plantResource({ arn: volumeArn, kind: 'ebs-volume' });
  const counts = { files: 1, filesChanged: 1, filesRemoved: 0, logicalBytes: 2 ** 40, storedBytes: 2 ** 38 };
  const ofVolume = { resourceArn: volumeArn, resourceKind: 'ebs-volume', hasBlocks: true } as const;
  await cli.plantPoint({
    ...ofVolume,
    pointId: full,
    chainPointId: full,
    sourceTime: new Date('2026-11-22T02:00:00Z'),
    counts: { ...counts, readBytes: 2 ** 40, newBytes: 2 ** 40 },
  });
  await cli.plantPoint({
    ...ofVolume,
    pointId: incremental,
    chainPointId: full,
    type: 'incremental',
    sourceTime: new Date('2026-11-23T02:00:00Z'),
    counts: { ...counts, readBytes: 2 ** 34, newBytes: 2 ** 40 / 100 },
  });
});

test('says that a daily incremental keeps its base, with both prices and the reason', async () => {
  const { code, out } = await cli.run('explain', 'vol-0a1');

  expect(out).toBe(`\
resource   ${volumeArn}
plan       daily: blocks in the vault, base snapshot cheapest
blocks     1.0 TiB in use, of which 1.0 % changes from run to run; 30.4 runs a month read changes
to keep    $53.31 a month: the snapshot, and what changed
to re-read $210.63 a month: all blocks in each run
so         the snapshot is kept: with 30.4 runs a month that read changes of 1 %, a snapshot to compare with costs less than reading all blocks in each
snapshots  of ${incremental} stay: the next run compares with them
prices     list prices of us-east-1, 2026-11-29
`);
  expect(code).toBe(0);
});

test('says that a weekly incremental reads again, to programs too', async () => {
  cli.plans = [
    { ...plan, schedules: { incremental: { expression: 'cron(0 2 ? * MON *)', timeZone: 'UTC' } } },
  ];

  expect(await cli.json('explain', volumeArn)).toMatchObject({
    resourceArn: volumeArn,
    keeps: false,
    usedBytes: 2 ** 40,
    changedShare: 0.01,
    reason: expect.stringMatching(/^with 4(\.\d)? runs a month .* reading all blocks in each costs less/),
    snapshotsOf: [],
  });
});

test('explains a volume of an instance with the instance', async () => {
  const instance = 'arn:aws:ec2:eu-west-1:111122223333:instance/i-1' as ResourceArn;
  await cli.plantResource({ arn: instance, kind: 'ec2-instance' });
  const arn = 'arn:aws:ec2:eu-west-1:111122223333:volume/vol-0b2' as ResourceArn;
  await cli.plantResource({ arn, kind: 'ebs-volume', partOf: instance });

  expect((await cli.run('explain', 'vol-0b2')).out).toContain(`resource   ${instance}`);
});

test('says of snapshots alone that the points consist of them', async () => {
  cli.plans = [{ ...plan, images: { ...defaultImageSettings, blocks: 'none' } }];
  const old = '20261121T020000Z-00000000000000cc' as PointId;
  await cli.plantPoint({
    resourceArn: volumeArn,
    resourceKind: 'ebs-volume',
    pointId: old,
    sourceTime: new Date('2026-11-21T02:00:00Z'),
  });

  const { out } = await cli.run('explain', 'vol-0a1');

  expect(out).toContain('plan       daily: blocks in snapshots alone');
  expect(out).toContain(`snapshots  of ${old} stay: the point consists of them`);
});

test('says that snapshots stay for the days of the plan that took them', async () => {
  const weekly = { ...plan, name: 'weekly', images: { ...plan.images, keepSnapshotsDays: 7 } };
  cli.plans = [plan, weekly];
  const point = { resourceArn: volumeArn, resourceKind: 'ebs-volume', hasBlocks: true } as const;
  const other = '20261120T020000Z-00000000000000cc' as PointId;
  const unknown = '20261119T020000Z-00000000000000dd' as PointId;
  const sourceTime = new Date('2026-11-20T02:00:00Z');
  await cli.plantPoint({ ...point, pointId: other, plan: 'weekly', sourceTime });
  await cli.plantPoint({ ...point, pointId: unknown, plan: 'gone', sourceTime });

  const { out } = await cli.run('explain', 'vol-0a1');

  expect(out).toContain(`of ${other} stay: the plan keeps snapshots for 7 days`);
  expect(out).toContain(`of ${unknown} stay: the plan gone that took them is not deployed`);
});

test('refuses what has no snapshots', async () => {
  await cli.plantResource();

  const { code, err } = await cli.run('explain', bucketArn);

  expect(err).toContain('consists of files, and has no snapshots');
  expect(code).not.toBe(0);
});
