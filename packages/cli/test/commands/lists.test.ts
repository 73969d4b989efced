import type { HoldId, PointId, ResourceArn, RunId } from '@holdfast/engine';
import { expect, test } from 'vitest';
import { CliUnderTest, volumeArn } from '../cli-under-test.ts';

const older = '20261120T020000Z-00000000000000aa' as PointId;
const newer = '20261121T020000Z-00000000000000bb' as PointId;
const ofVolume = '20261122T020000Z-00000000000000cc' as PointId;

async function withPoints(): Promise<CliUnderTest> {
  const cli = new CliUnderTest();
  await cli.plantResource();
  const expiresAt = new Date('2026-12-24T00:00:00Z');
  await cli.plantPoint({ pointId: older, sourceTime: new Date('2026-11-20T02:00:00Z'), expiresAt });
  await cli.plantPoint({
    pointId: newer,
    type: 'incremental',
    sourceTime: new Date('2026-11-21T02:00:00Z'),
    expiresAt,
    warnings: 2,
  });
  await cli.catalog.points.addHold(newer, 'ab'.repeat(16) as HoldId);
  await cli.plantPoint({
    pointId: ofVolume,
    resourceArn: volumeArn,
    sourceTime: new Date('2026-11-22T02:00:00Z'),
    expiresAt,
  });
  return cli;
}

test('lists the points of a resource, the newest first', async () => {
  const cli = await withPoints();

  const { code, out } = await cli.run('points', 'photos');

  expect(code).toBe(0);
  expect(out).toBe(`\
POINT                  RESOURCE  TAKEN     EXPIRES     SIZE  STATE
20261121T020000Z-0000  photos    58 h ago  in 30 d  4.9 KiB  degraded
20261120T020000Z-0000  photos    3 d ago   in 30 d  4.9 KiB  clean
the newest of these points of arn:aws:s3:::photos is degraded; the last clean one is ${older}
`);
});

test('lists the points of all resources, of those too whose row is gone', async () => {
  const cli = await withPoints();

  const points = await cli.json('points');

  expect(points).toMatchObject([
    { pointId: ofVolume, resourceArn: volumeArn },
    { pointId: newer, degraded: true, unread: { carried: 0, missing: 2 } },
    { pointId: older, degraded: false, unread: { carried: 0, missing: 0 } },
  ]);
});

test.for([
  [
    ['--from', '2026-11-21'],
    [ofVolume, newer],
  ],
  [['--to', '2026-11-20'], [older]],
  [['--from', '2026-11-20T02:00:01Z', '--to', '2026-11-21T03:00+01:00'], [newer]],
  [['--limit', '1'], [ofVolume]],
] as const)('limits the list by %j', async ([args, wanted]) => {
  const cli = await withPoints();

  const points = (await cli.json('points', ...args)) as { pointId: string }[];

  expect(points.map(({ pointId }) => pointId)).toEqual(wanted);
});

test.for([
  [
    ['--from', 'yesterday'],
    '--from "yesterday" is not a time; write it as 2026-11-23 or 2026-11-23T02:00:00Z',
  ],
  [['--to', '2026-02-30'], '--to "2026-02-30" is not a time'],
  [['--limit', '0'], '--limit "0" is not a number of rows'],
  [
    ['--from', '2026-11-23', '--to', '2026-11-22'],
    '--from "2026-11-23" is later than --to "2026-11-22"; exchange them',
  ],
] as const)('refuses %j before anything is asked of AWS', async ([args, message]) => {
  const cli = await withPoints();

  const { code, err } = await cli.run('points', ...args);

  expect(err).toContain(message);
  expect(code).toBe(2);
  expect(cli.connected).toEqual([]);
});

test('lists runs with what was asked, how long they took, and their point or error', async () => {
  const cli = new CliUnderTest();
  const done = await cli.plantRun({ runId: 'a'.repeat(32) as RunId, type: 'full' });
  cli.clock.advance(90_000);
  await cli.catalog.runs.close(done.runId, { state: 'completed', endedAt: cli.clock.now(), pointId: newer });
  cli.clock.advance(3_600_000);
  const failed = await cli.plantRun({ runId: 'b'.repeat(32) as RunId, plan: 'weekly' });
  await cli.catalog.runs.close(failed.runId, {
    state: 'failed',
    endedAt: cli.clock.now(),
    error: { name: 'SourceUnavailableError', message: 'bucket\u001b[2J photos is gone' },
  });

  const { code, out } = await cli.run('runs');

  expect(code).toBe(0);
  expect(out).toBe(`\
RUN       RESOURCE  STATE      STARTED     TOOK  POINT OR ERROR
bbbbbbbb  photos    failed     0 s ago      0 s  bucket\\x1b[2J photos is gone
aaaaaaaa  photos    completed  62 min ago  90 s  20261121T020000Z-0000
`);
  expect(await cli.json('runs', '--plan', 'daily')).toMatchObject([{ runId: done.runId }]);
  expect(await cli.json('runs', '--resource', 'arn:aws:s3:::photos', '--limit', '1')).toMatchObject([
    { runId: failed.runId },
  ]);
});

test('asks which resource is meant when a name fits several', async () => {
  const cli = new CliUnderTest();
  await cli.plantResource({ arn: 'arn:aws:ec2:eu-west-1:111122223333:volume/vol-1' as ResourceArn });
  await cli.plantResource({ arn: 'arn:aws:ec2:us-east-1:111122223333:volume/vol-1' as ResourceArn });

  const { code, err } = await cli.run('points', 'vol-1');

  expect(code).toBe(2);
  expect(err).toBe(
    'holdfast: "vol-1" may be any of arn:aws:ec2:eu-west-1:111122223333:volume/vol-1, ' +
      'arn:aws:ec2:us-east-1:111122223333:volume/vol-1; name one by its ARN\n',
  );
});

test('does not take the end of a name for the name', async () => {
  const cli = new CliUnderTest();
  await cli.plantResource({ arn: 'arn:aws:s3:::my-photos' as ResourceArn });

  const { code } = await cli.run('points', 'photos');

  expect(code).toBe(3);
});
