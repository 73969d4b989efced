import { AccessDeniedError, type PointId, type ResourceArn } from '@holdfast/engine';
import { expect, test, vi } from 'vitest';
import { bucketArn, CliUnderTest, volumeArn } from '../cli-under-test.ts';

const point = '20261122T020000Z-00000000000000aa' as PointId;
const oldPoint = '20261120T020000Z-00000000000000bb' as PointId;

/** One resource of each standing, and one whose last run failed. */
async function mixedDeployment(): Promise<CliUnderTest> {
  const cli = new CliUnderTest();
  await cli.plantResource();
  await cli.plantPoint({ pointId: point, sourceTime: new Date('2026-11-23T02:00:00Z') });
  await cli.plantResource({ arn: volumeArn, kind: 'ebs-volume' });
  await cli.plantPoint({
    pointId: oldPoint,
    resourceArn: volumeArn,
    sourceTime: new Date('2026-11-20T02:00:00Z'),
  });
  await cli.plantResource({ arn: 'arn:aws:s3:::typo' as ResourceArn, plan: 'dayly' });
  cli.clock.set('2026-11-23T02:00:00Z');
  const run = await cli.plantRun({ resourceArn: volumeArn });
  const error = { name: 'SourceUnavailableError', message: 'the volume is gone' };
  await cli.catalog.runs.close(run.runId, {
    state: 'failed',
    endedAt: new Date('2026-11-23T02:01:00Z'),
    error,
  });
  cli.clock.set('2026-11-23T12:00:00Z');
  cli.executions.cycles = [
    {
      name: 'daily-incremental-20261123T020000Z',
      status: 'failed',
      startedAt: new Date('2026-11-23T02:00:01Z'),
      endedAt: new Date('2026-11-23T02:12:01Z'),
    },
  ];
  return cli;
}

test('shows the vault, what is overdue or unprotected, what fails, and the last cycles', async () => {
  const cli = await mixedDeployment();

  const { code, out, err } = await cli.run('status');

  expect(out.replaceAll(/\b[0-9a-f]{8}\b/g, '<run>'.padEnd(8))).toBe(`\
vault      vault-bucket (eu-west-1)
resources  3: 1 protected, 0 degraded, 1 overdue, 1 unprotected
content    9.8 KiB in the newest points; "holdfast usage" says what is stored, and what it costs
failing    1 resource
restores   into 2 buckets: b, photos
coverage   every bucket, instance and volume with data has a plan

degraded, overdue or unprotected
RESOURCE  STANDING     AGE   RPO  PROBLEM
vol-0a1   overdue      3 d  30 h  last run failed
typo      unprotected    -     ?  plan "dayly" is not deployed; correct the tag
                                  or deploy it

last run failed
RESOURCE  RUN       ENDED     ERROR
vol-0a1   <run>     10 h ago  the volume is gone

last cycles
CYCLE                               STATE   STARTED     TOOK
daily-incremental-20261123T020000Z  failed  10 h ago  12 min
`);
  expect(err).toBe('');
  expect(code).toBe(0);
});

test('with --check ends with 5 as long as a resource is overdue or unprotected', async () => {
  const cli = new CliUnderTest();
  await cli.plantResource();

  const before = await cli.run('status', '--check');
  await cli.plantPoint({ pointId: point });
  const after = await cli.run('status', '--check');
  cli.clock.advance(31 * 3_600_000);
  const later = await cli.run('status', '--check');

  expect([before.code, after.code, later.code]).toEqual([5, 0, 5]);
});

test('gives programs the same as one document', async () => {
  const cli = await mixedDeployment();

  const status = await cli.json('status');

  expect(status).toMatchObject({
    vault: { bucket: 'vault-bucket', region: 'eu-west-1' },
    plansKnown: true,
    resources: { total: 3, protected: 1, overdue: 1, unprotected: 1 },
    attention: [
      { resourceArn: volumeArn, standing: 'overdue', ageHours: 82, rpoHours: 30 },
      { resourceArn: 'arn:aws:s3:::typo' },
    ],
    cycles: [{ name: 'daily-incremental-20261123T020000Z', startedAt: '2026-11-23T02:00:01.000Z' }],
    failures: [{ resourceArn: volumeArn, error: { message: 'the volume is gone' } }],
  });
});

test('lists the points of each resource once', async () => {
  const cli = await mixedDeployment();
  const list = vi.spyOn(cli.catalog.points, 'list');

  await cli.run('status');

  const listed = list.mock.calls.map(([arn]) => arn);
  expect(listed.toSorted()).toEqual([volumeArn, bucketArn, 'arn:aws:s3:::typo'].toSorted());
});

test('shows a resource whose newest point lacks entries as degraded, beside its last clean point', async () => {
  const cli = new CliUnderTest();
  await cli.plantResource();
  await cli.plantPoint({ pointId: oldPoint, sourceTime: new Date('2026-11-22T20:00:00Z') });
  await cli.plantPoint({
    pointId: point,
    sourceTime: new Date('2026-11-23T02:00:00Z'),
    warnings: 7,
    unread: { carried: 2, missing: 5 },
  });

  const status = await cli.run('status', '--check');
  const resources = await cli.run('resources', '--wide');

  expect(status.code).toBe(5);
  expect(status.out).toContain('resources  1: 0 protected, 1 degraded, 0 overdue, 0 unprotected');
  expect(status.out).toContain('degraded  16 h  30 h  the newest point could not read 7 entries and\n');
  expect(resources.out).toMatch(/degraded +2026-11-23 02:00:00Z +2026-11-22 20:00:00Z +16 h/);
  expect(await cli.json('resources')).toMatchObject([
    {
      standing: 'degraded',
      lastPointId: point,
      lastCleanPointId: oldPoint,
      unread: { carried: 2, missing: 5 },
    },
  ]);
});

test('calls a resource none of whose points is clean overdue', async () => {
  const cli = new CliUnderTest();
  await cli.plantResource();
  await cli.plantPoint({ pointId: point, unread: { carried: 0, missing: 1 } });

  const resources = await cli.json('resources');
  expect(resources).toMatchObject([
    {
      standing: 'overdue',
      problem: 'the newest point could not read 1 entry and lacks 1; no point is clean',
    },
  ]);
  expect(resources).not.toHaveProperty('[0].ageHours');
});

test('says that a fresh deployment lets restores write to no bucket', async () => {
  const cli = new CliUnderTest();
  cli.restoreBuckets = [];

  const { out } = await cli.run('status');

  expect(out).toContain(
    'restores   into no bucket: restoreTargets.buckets in lib/plans.ts names none; directories and volumes need no name\n',
  );
  expect(await cli.json('status')).toMatchObject({ restoreBuckets: [] });
});

test('says that the RPO is unknown instead of calling anything overdue when the plans are not known', async () => {
  const cli = await mixedDeployment();
  cli.plans = undefined;

  const { out } = await cli.run('status');

  expect(out).toContain(
    '3: 2 protected, 0 degraded, 0 overdue, 1 unprotected (RPO unknown: the deployment does not name its plans)',
  );
});

test('shows everything else to somebody who may not list cycles', async () => {
  const cli = new CliUnderTest();
  cli.executions.cycles = new AccessDeniedError('listing executions was refused');

  const { code, out } = await cli.run('status');

  expect(code).toBe(0);
  expect(out).toContain('resources  0: 0 protected');
  expect(out).toContain('last cycles: unknown, listing executions was refused');
});

test('lists resources with their age against the RPO', async () => {
  const cli = await mixedDeployment();

  const { code, out } = await cli.run('resources');

  expect(code).toBe(0);
  expect(out).toBe(`\
RESOURCE  PLAN   STANDING      AGE      RPO  PROBLEM
vol-0a1   daily  overdue       3 d     30 h  last run failed
photos    daily  protected    10 h     30 h  -
typo      dayly  unprotected     -  unknown  plan "dayly" is not deployed;
                                             correct the tag or deploy it
`);
});

test('gives programs an array of resources with the fields that there is something for', async () => {
  const cli = new CliUnderTest();
  await cli.plantResource();

  expect(await cli.json('resources')).toEqual([
    {
      resourceArn: bucketArn,
      kind: 's3-bucket',
      plan: 'daily',
      standing: 'unprotected',
      problem: 'no point yet',
      rpoHours: 30,
      seenAt: '2026-11-23T12:00:00.000Z',
    },
  ]);
});

test('finds the last point of a resource whose row has forgotten it', async () => {
  const cli = new CliUnderTest();
  await cli.plantResource();
  await cli.plantPoint({ pointId: point, sourceTime: new Date('2026-11-23T02:00:00Z') });
  await cli.catalog.resources.remove(bucketArn);
  await cli.plantResource();

  expect(await cli.json('resources')).toMatchObject([
    { standing: 'protected', lastPointId: point, ageHours: 10 },
  ]);
});

test('leaves the plan of a directory to its own host', async () => {
  const cli = new CliUnderTest();
  const arn = 'arn:holdfast:directory:laptop' as ResourceArn;
  await cli.plantResource({ arn, kind: 'directory', plan: 'laptop' });
  await cli.plantPoint({
    pointId: oldPoint,
    resourceArn: arn,
    resourceKind: 'directory',
    sourceTime: new Date(0),
  });

  const resources = await cli.json('resources');
  expect(resources).toMatchObject([{ standing: 'protected' }]);
  expect(resources).not.toHaveProperty('[0].rpoHours');
  expect(resources).not.toHaveProperty('[0].problem');
});

test('names restores that are under way or left something out, and no older ones', async () => {
  const cli = new CliUnderTest();
  const row = {
    pointId: '20261121T020000Z-00000000000000bb' as PointId,
    resourceArn: bucketArn,
    target: 's3://rescue/',
    endedAt: cli.clock.now(),
  };
  for (const [restoreId, state, startedAt] of [
    ['aaaaaaaaaaaaaaaa', 'completed', '2026-11-23T10:00:00Z'],
    ['bbbbbbbbbbbbbbbb', 'running', '2026-11-23T09:00:00Z'],
    ['cccccccccccccccc', 'failed', '2026-11-22T09:00:00Z'],
    ['dddddddddddddddd', 'failed', '2026-11-01T09:00:00Z'],
  ] as const)
    await cli.catalog.restores.put({ ...row, restoreId, state, startedAt: new Date(startedAt) });

  const { out } = await cli.run('status');

  expect(out).toContain(`\
restores of 14 days that are under way, or did not bring everything back
RESTORE   STATE    STARTED   TARGET
bbbbbbbb  running  3 h ago   s3://rescue/
cccccccc  failed   27 h ago  s3://rescue/
`);
  expect(await cli.json('status')).toMatchObject({ restores: [{ state: 'running' }, { state: 'failed' }] });
});

test('says what of the account has no plan, and what has points and no tag any more', async () => {
  const cli = new CliUnderTest();
  await cli.plantPoint({ pointId: point, resourceArn: 'arn:aws:s3:::once' as ResourceArn });
  cli.inventory.buckets = [
    { arn: 'arn:aws:s3:::logs' as ResourceArn, kind: 's3-bucket', bytes: 2048 },
    { arn: 'arn:aws:s3:::vault-bucket' as ResourceArn, kind: 's3-bucket', bytes: 2048 },
  ];
  cli.inventory.machines = new AccessDeniedError('ec2:DescribeInstances is denied');

  const { out } = await cli.run('status');

  expect(out).toContain(
    'coverage   1 bucket, instance or volume with data (2.0 KiB) and no plan; machines may not be listed: "holdfast coverage" names them\n',
  );
  expect(out).toContain('vanished   1 resource with points and no tag: once\n');
  cli.inventory.buckets = [{ arn: 'arn:aws:s3:::logs' as ResourceArn, kind: 's3-bucket' }];
  expect((await cli.run('status')).out).toContain('with data (of unknown size) and no plan');
  cli.inventory.buckets = [{ arn: 'arn:aws:s3:::logs' as ResourceArn, kind: 's3-bucket', bytes: 2048 }];
  expect(await cli.json('status')).toMatchObject({
    coverage: { withoutPlan: ['arn:aws:s3:::logs'], unknown: [{ part: 'machines' }] },
    vanished: ['arn:aws:s3:::once'],
  });
});
