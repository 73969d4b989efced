import { expect, test } from 'vitest';
import { CliUnderTest, volumeArn } from '../cli-under-test.ts';
import type { PointId } from '@holdfast/engine';

const dayMs = 86_400_000;

/** A resource with a point on each of some days; every day another file changes. */
async function withDailyPoints(days: number): Promise<CliUnderTest> {
  const cli = new CliUnderTest();
  await cli.plantResource();
  for (let day = 0; day < days; day++) {
    cli.source.plant(`file-${day % 3}`, Buffer.alloc(50_000, `day ${day}`));
    await cli.backUp(day === 0 ? 'full' : 'incremental');
    cli.clock.advance(dayMs);
  }
  return cli;
}

test('shows which points other rules keep and drop', async () => {
  const cli = await withDailyPoints(12);

  const { code, out } = await cli.run('retention', 'preview', 'daily', '--weekly', '8');

  expect(code).toBe(0);
  expect(out).toContain('12 points: 2 kept longer, 0 dropped earlier, 10 as before');
  expect(out.split('\n').filter((line) => line.endsWith('longer'))).toEqual([
    expect.stringMatching(/20261130T\d+Z-[0-9a-f]{4} .* weekly +longer$/),
    expect.stringMatching(/20261123T\d+Z-[0-9a-f]{4} .* weekly +longer$/),
  ]);
});

test('counts the bytes that only dropped points need', async () => {
  const cli = await withDailyPoints(6);

  const [plan] = cli.plans ?? [];
  if (plan !== undefined)
    cli.plans = [{ ...plan, retention: { ...plan.retention, keepDays: 60, minimumPoints: 0 } }];

  const document = await cli.json(
    'retention',
    'preview',
    'daily',
    '--keep-days',
    '60',
    '--minimum-points',
    '0',
  );
  const shorter = await cli.json('retention', 'preview', 'daily', '--keep-days', '31');

  expect(document).toMatchObject({ frees: { packs: 0, bytes: 0 } });
  const packs = cli.catalog.packRows();
  expect(shorter).toMatchObject({
    newRules: { keepDays: 31 },
    points: Array.from({ length: 6 }, () => expect.objectContaining({ verdict: 'shorter' })),
    // All points go, so everything goes.
    frees: {
      packs: packs.length,
      bytes: packs.reduce((sum, { bytes = 0 }) => sum + bytes, 0),
      unknownPacks: 0,
    },
  });
});

test('what a kept point shares with dropped ones is not freed', async () => {
  const cli = await withDailyPoints(6);
  const [plan] = cli.plans ?? [];
  if (plan !== undefined)
    cli.plans = [{ ...plan, retention: { ...plan.retention, keepDays: 60, minimumPoints: 6 } }];

  const document = (await cli.json(
    'retention',
    'preview',
    'daily',
    '--keep-days',
    '31',
    '--minimum-points',
    '0',
    '--monthly',
    '9',
  )) as {
    points: { verdict: string; pointId: PointId }[];
    frees: { packs: number; bytes: number };
  };

  // The first point is the month's: it shares its first files with the others.
  expect(document.points.map(({ verdict }) => verdict)).toEqual([
    ...Array.from({ length: 5 }, () => 'shorter'),
    'longer',
  ]);
  const full = await cli.catalog.points.find(document.points.at(-1)?.pointId as PointId);
  const needed = cli.catalog.packRows().filter(({ runId }) => runId === full?.runId).length;
  expect(document.frees.packs).toBe(cli.catalog.packRows().length - needed);
});

test('an image has no packs to free', async () => {
  const cli = new CliUnderTest();
  await cli.plantPoint({
    pointId: '20261120T020000Z-00000000000000aa' as PointId,
    resourceArn: volumeArn,
    resourceKind: 'ebs-volume',
    expiresAt: new Date('2026-11-21T00:00:00Z'),
  });

  const { code, out } = await cli.run(
    'retention',
    'preview',
    'daily',
    '--keep-days',
    '1',
    '--minimum-points',
    '0',
  );

  expect(code).toBe(0);
  expect(out).toContain('1 dropped earlier');
  expect(out).toContain('0 B in 0 packs');
});

test('goes by the plan that decides, as maintenance does, whatever plan a point was made under', async () => {
  const cli = await withDailyPoints(3);
  const [daily] = cli.plans ?? [];
  if (daily !== undefined) cli.plans = [daily, { ...daily, name: 'weekly' }];
  await cli.plantResource({ plan: 'weekly' });

  expect(await cli.json('retention', 'preview', 'daily', '--weekly', '8')).toMatchObject({ points: [] });
  expect(await cli.json('retention', 'preview', 'weekly', '--weekly', '8')).toMatchObject({
    points: [{ verdict: 'same' }, { verdict: 'same' }, { verdict: 'longer' }],
  });
  const { code, err } = await cli.run('retention', 'preview', 'daily', '--resource', 'photos');
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('plan "weekly", not "daily"') });
});

test.for([
  [['nightly'], 3, 'plan "nightly" does not exist'],
  [['daily', '--weekly', 'many'], 2, '--weekly "many" is not a number of weeks; write one from 0 to 520'],
  [['daily', '--keep-days', '0'], 2, '--keep-days "0" is not a number of days; write one from 1 to 36500'],
  [['daily', '--time-zone', 'Mars'], 2, 'time zone "Mars" does not exist'],
  [['daily', '--resource', 'unknown'], 3, 'resource "unknown" is not in the catalog'],
] as const)('refuses %j', async ([words, expected, message]) => {
  const cli = new CliUnderTest();
  await cli.plantPoint({ pointId: '20261120T020000Z-00000000000000aa' as PointId });

  const { code, err } = await cli.run('retention', 'preview', ...words);

  expect({ code, err }).toEqual({ code: expected, err: expect.stringContaining(message) });
});

test('says what to allow where the plans are not known', async () => {
  const cli = await withDailyPoints(1);
  cli.plans = undefined;

  const { code, err } = await cli.run('retention', 'preview', 'daily');

  expect({ code, err }).toEqual({
    code: 3,
    err: expect.stringMatching(/ConfigurationUrl.*allow s3:GetObject on it/),
  });
});

test('a first word alone names the commands that begin with it', async () => {
  const { code, err } = await new CliUnderTest().run('retention');

  expect(code).toBe(2);
  expect(err).toContain('write "holdfast retention preview"');
});
