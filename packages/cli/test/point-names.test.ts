import type { HoldId, PointId, ResourceArn } from '@holdfast/engine';
import { expect, test } from 'vitest';
import { bucketArn, CliUnderTest } from './cli-under-test.ts';

const expired = '20261118T020000Z-00000000000000aa' as PointId;
const held = '20261119T020000Z-00000000000000bb' as PointId;
const clean = '20261120T020000Z-00000000000000cc' as PointId;
const degraded = '20261121T020000Z-00000000000000dd' as PointId;
const directoryArn = 'holdfast:directory:vm:/home/ann@latest' as ResourceArn;

/** A resource with one point a day, at two in the morning. */
async function withPoints(...ids: readonly PointId[]): Promise<CliUnderTest> {
  const cli = new CliUnderTest();
  await cli.plantResource();
  const planted = ids.length > 0 ? ids : [expired, held, clean, degraded];
  for (const pointId of planted) {
    const isOver = pointId === expired || pointId === held;
    await cli.plantPoint({
      pointId,
      sourceTime: new Date(`2026-11-${pointId.slice(6, 8)}T02:00:00Z`),
      expiresAt: new Date(isOver ? '2026-11-22T00:00:00Z' : '2026-12-24T00:00:00Z'),
      unread: { carried: 0, missing: pointId === degraded ? 1 : 0 },
    });
  }
  if (planted.includes(held)) await cli.catalog.points.addHold(held, 'ab'.repeat(16) as HoldId);
  return cli;
}

/** What a command that takes points and resources makes of a name, without reading a vault. */
async function meaningOf(cli: CliUnderTest, name: string): Promise<unknown> {
  const { code, out, err } = await cli.run('hold', 'set', name, '--reason', 'r', '--dry-run', '--json');
  if (code === 0) return (JSON.parse(out) as { scope: unknown }).scope;
  return { code, err: (JSON.parse(err) as { error: { message: string } }).error.message };
}

test.for([
  ['photos@latest', degraded],
  ['photos@latest-clean', clean],
  ['photos@2026-11-20', clean],
  ['photos@2026-11-20T01:59', held],
  ['photos@2026-11-21T03:00+01:00', degraded],
  [`${bucketArn}@2030-01-01`, degraded],
] as const)('%s is a point', async ([name, pointId]) => {
  const cli = await withPoints();

  expect(await meaningOf(cli, name)).toEqual({ kind: 'point', pointId });
});

test.for([
  [
    'photos@2026-11-18',
    3,
    `${bucketArn} has no point of 2026-11-18T23:59:59.999Z or before that is kept; the nearest is ${held} of 2026-11-19 02:00:00Z; "holdfast points ${bucketArn}" lists all`,
  ],
  [
    'photos@yesterday',
    2,
    '"@yesterday" names no point of "photos"; write "photos" and one of @latest, @latest-clean, @2026-11-23 or @2026-11-23T02:00:00Z',
  ],
  ['videos@latest', 3, 'resource "videos" is not in the catalog'],
  [
    '20261120T03',
    3,
    `no point's id begins with "20261120T03"; the nearest are ${clean} (${bucketArn}) and ${degraded} (${bucketArn}); "holdfast points" lists all`,
  ],
  ['202611', 2, `"202611" may be any of ${expired} (${bucketArn}), ${held} (${bucketArn})`],
] as const)('%s is refused, with what there is instead', async ([name, code, message]) => {
  const cli = await withPoints();

  expect(await meaningOf(cli, name)).toEqual({ code, err: expect.stringContaining(message) });
});

test('a resource without a clean point says so, and names the newest that there is', async () => {
  const cli = await withPoints(degraded);

  expect(await meaningOf(cli, 'photos@latest-clean')).toEqual({
    code: 3,
    err: expect.stringContaining(
      `has no clean point that is kept; the nearest is ${degraded} of 2026-11-21 02:00:00Z, which is degraded`,
    ),
  });
});

test('a resource whose only point has expired says until when it was kept', async () => {
  const cli = await withPoints(expired);

  expect(await meaningOf(cli, 'photos@latest')).toEqual({
    code: 3,
    err: expect.stringContaining(`the nearest is ${expired} of 2026-11-18 02:00:00Z, which was kept until`),
  });
});

test('an @ in the name of a resource is its own, unless it could be meant both ways', async () => {
  const cli = await withPoints();
  await cli.plantResource({ arn: directoryArn, kind: 'directory' });

  const alone = await meaningOf(cli, directoryArn);
  await cli.plantResource({ arn: 'holdfast:directory:vm:/home/ann' as ResourceArn, kind: 'directory' });

  expect(alone).toEqual({ kind: 'resource', resourceArn: directoryArn });
  expect(await meaningOf(cli, directoryArn)).toMatchObject({ code: 2 });
});

test('a comparison takes names of points, and asks which one of a resource', async () => {
  const cli = new CliUnderTest();
  await cli.backUpThreeFiles();
  cli.clock.advance(60_000);
  cli.source.plant('new.txt', 'n');
  await cli.backUp('incremental');

  const compared = await cli.run('diff', 'photos@2026-11-23T12:00', 'photos@latest');
  const unclear = await cli.run('diff', 'photos', 'photos@latest');

  expect(compared.out).toBe('+ new.txt  (1 B)\n1 added, 0 removed, 0 changed\n');
  expect(unclear).toMatchObject({ code: 2, err: expect.stringContaining('say which of its points') });
});
