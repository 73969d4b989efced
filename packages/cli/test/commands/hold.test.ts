import type { HoldId, PointId } from '@holdfast/engine';
import { expect, test } from 'vitest';
import { bucketArn, CliUnderTest } from '../cli-under-test.ts';

const point = '20261120T020000Z-00000000000000aa' as PointId;
const hold = 'ab'.repeat(16) as HoldId;
const ann = 'arn:aws:sts::111122223333:assumed-role/Legal/ann';

async function withPoint(result: Record<string, unknown> = {}): Promise<CliUnderTest> {
  const cli = new CliUnderTest();
  await cli.plantResource({ tags: { case: '7=x' } });
  await cli.plantPoint({ pointId: point });
  const output = { hold, points: 1, gone: 0, failures: { count: 0, messages: [] }, ...result };
  cli.executions.onLook = async (execution) =>
    cli.executions.end(execution, { status: 'succeeded', output: JSON.stringify(output) });
  return cli;
}

test.for([
  [[point], { kind: 'point', pointId: point }],
  [['photos'], { kind: 'resource', resourceArn: bucketArn }],
  [['--tag', 'case=7=x'], { kind: 'tag', key: 'case', value: '7=x' }],
] as const)('sets a hold on %j, with who and why', async ([words, scope]) => {
  const cli = await withPoint();

  const { code, out } = await cli.run('hold', 'set', ...words, '--reason', 'case 7');

  expect(code).toBe(0);
  expect(cli.executions.started).toMatchObject([
    { machine: 'hold', input: { action: 'set', scope, by: ann, reason: 'case 7' } },
  ]);
  expect(out).toContain(`hold ${hold} keeps ${scope.kind} `);
});

test('says which points could not be held, and ends with 1', async () => {
  const failures = { count: 1, messages: [`point ${point}: StoreUnavailableError: no answer`] };
  const cli = await withPoint({ points: 0, gone: 1, failures });

  const { code, out } = await cli.run('hold', 'set', 'photos', '--reason', 'case 7');
  const document = await cli.json('hold', 'set', 'photos', '--reason', 'case 7');

  expect(document).toMatchObject({ action: 'set', holdId: hold, points: 0, gone: 1, failures });
  expect(code).toBe(1);
  expect(out).toContain(`failed: point ${point}: StoreUnavailableError: no answer`);
  expect(out).toContain('1 point had expired');
});

test('lists holds and releases one by the beginning of its id', async () => {
  const cli = await withPoint();
  await cli.catalog.holds.put({
    holdId: hold,
    scope: { kind: 'point', pointId: point },
    setBy: ann,
    reason: 'case 7',
    setAt: new Date('2026-11-01T00:00:00Z'),
  });
  expect((await cli.run('hold', 'list', '--wide')).out).toMatch(
    new RegExp(`^${hold}  point ${point} .*case 7$`, 'm'),
  );

  expect(await cli.json('hold', 'list')).toMatchObject([{ holdId: hold, scope: { kind: 'point' } }]);

  const { code, out } = await cli.run('hold', 'release', 'abab', '--reason', 'over');

  expect(code).toBe(0);
  expect(out).toBe(`hold ${hold} lets go of point ${point}: 1 point\n`);
  expect(cli.executions.started).toMatchObject([
    { machine: 'hold', input: { action: 'release', hold, by: ann, reason: 'over' } },
  ]);
  expect(await cli.json('hold', 'release', hold, '--reason', 'over')).toMatchObject({ action: 'release' });
});

test.for([
  [['set', 'photos'], 2, 'say why with --reason'],
  [['set', '--reason', 'x'], 2, 'name a point or a resource, or a tag'],
  [['set', 'photos', '--tag', 'a=b', '--reason', 'x'], 2, 'name a point or a resource, or a tag'],
  [['set', '--tag', 'a', '--reason', 'x'], 2, '--tag "a" is not a tag'],
  [['set', 'photos', '--reason', 'x'.repeat(1025)], 2, '--reason has 1025 characters; write 1024 at most'],
  [['set', 'films', '--reason', 'x'], 3, '"films" is not in the catalog'],
  [['set', '--tag', 'case=8', '--reason', 'x'], 3, 'no resource carried the tag case=8'],
  [['release', 'cd', '--reason', 'x'], 3, 'hold "cd" does not exist'],
] as const)('refuses hold %j', async ([words, expected, message]) => {
  const cli = await withPoint();

  const { code, err } = await cli.run('hold', ...words);

  expect({ code, err }).toEqual({ code: expected, err: expect.stringContaining(message) });
  expect(cli.executions.started).toEqual([]);
});

test('says which locks it would move, and until when, before it is set', async () => {
  const cli = await withPoint();
  cli.clock.set('2026-12-20T00:00:00Z');

  const { code, out } = await cli.run('hold', 'set', 'photos', '--reason', 'case 7', '--dry-run');

  expect(code).toBe(0);
  expect(out).toMatch(
    /^a hold on resource arn:aws:s3:::photos keeps 1 point\n1 point would expire soon: locked until 2027-01-2\d .*no release takes such a lock back\n$/,
  );
  expect(cli.executions.started).toEqual([]);
});

test('moves no lock of a point that does not expire soon', async () => {
  const cli = await withPoint();

  const { out } = await cli.run('hold', 'set', point, '--reason', 'case 7', '--dry-run', '--json');

  expect(JSON.parse(out)).toEqual({ scope: { kind: 'point', pointId: point }, points: 1, prolonged: 0 });
});
