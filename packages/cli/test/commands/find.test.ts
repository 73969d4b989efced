import { expect, test } from 'vitest';
import { CliUnderTest } from '../cli-under-test.ts';

/** A point's id as people get it. */
const short = (point: string): string => point.slice(0, 21);

/** Three points, a day apart: a file that changes, one that goes, one that stays. */
async function withThreePoints() {
  const cli = new CliUnderTest();
  await cli.plantResource();
  cli.source.plant('docs/plan.md', 'first');
  cli.source.plant('docs/gone.md', 'gone');
  cli.source.plant('readme.txt', 'hello');
  const first = (await cli.backUp()).root.point;
  cli.clock.advance(86_400_000);
  cli.source.plant('docs/plan.md', 'second version');
  const second = (await cli.backUp('incremental')).root.point;
  cli.clock.advance(86_400_000);
  cli.source.remove('docs/gone.md');
  cli.source.plant('docs/plan.md', 'third and last version');
  const third = (await cli.backUp('incremental')).root.point;
  return { cli, first, second, third };
}

test('finds the newest state of each file in all points, also of what is gone, and says how to go on', async () => {
  const { cli, second, third } = await withThreePoints();

  const { code, out } = await cli.run('find', 'photos', '*.md');

  expect(code).toBe(0);
  expect(out).toBe(`\
docs/gone.md  (not in the newest point)
       4 B  2026-11-23 12:00:00Z  in 2 points, last ${short(second)}
docs/plan.md
      22 B  2026-11-25 12:00:00Z  in ${short(third)}
2 paths in 3 points of photos, 2026-11-23 to 2026-11-25
bring one back: holdfast restore <point> --path <path> --to-directory <directory>
`);
  expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(81);
});

test('finds every version with --versions, and names the file and the point in what to do next', async () => {
  const { cli, first, second, third } = await withThreePoints();

  const { out } = await cli.run('find', 'photos', 'docs/plan.md', '--versions');

  expect(out).toBe(`\
docs/plan.md
      22 B  2026-11-25 12:00:00Z  in ${short(third)}
      14 B  2026-11-24 12:00:00Z  in ${short(second)}
       5 B  2026-11-23 12:00:00Z  in ${short(first)}
1 path in 3 points of photos, 2026-11-23 to 2026-11-25
bring one back: holdfast restore ${short(third)} --path docs/plan.md --to-directory <directory>
`);
});

test('looks into the points of a span of time, or one point', async () => {
  const { cli, second } = await withThreePoints();

  const until = await cli.run('find', 'photos', 'gone.md', '--to', '2026-11-24');
  const inOne = await cli.run('find', 'photos@latest', '*');
  const absent = await cli.run('find', 'photos', 'gone.md', '--from', '2026-11-25');

  expect(until.out).toContain(`in 2 points, last ${second.slice(0, 21)}`);
  expect(until.out).not.toContain('not in the newest');
  expect(inOne.out).toContain('2 paths in 1 point of photos, 2026-11-25\n');
  expect(absent).toMatchObject({
    code: 3,
    err: 'holdfast: none of 1 point of arn:aws:s3:::photos has a file that matches "gone.md"\n',
  });
});

test('gives programs one line for each version, with all its points', async () => {
  const { cli, first, second, third } = await withThreePoints();

  expect(await cli.records('find', 'photos', 'gone.md', 'readme.txt')).toEqual([
    {
      path: 'docs/gone.md',
      newest: 'gone',
      kind: 'object',
      bytes: 4,
      modifiedAt: '2026-11-23T12:00:00.000Z',
      pointIds: [second, first],
    },
    {
      path: 'readme.txt',
      newest: 'there',
      kind: 'object',
      bytes: 5,
      modifiedAt: '2026-11-23T12:00:00.000Z',
      pointIds: [third, second, first],
    },
  ]);
});

test('searches the points that can be read where a root is damaged, and ends with 4', async () => {
  const { cli, second, third } = await withThreePoints();
  const { rootName } = (await cli.catalog.points.find(third)) as { rootName: string };
  cli.store.decay(rootName, 50);

  const { code, out, err } = await cli.run('find', 'photos', 'gone.md');

  expect(code).toBe(4);
  expect(err).toContain('passed over: ');
  expect(out).toContain(`in 2 points, last ${second.slice(0, 21)}`);
});

test('restores a file from the newest point that has it', async () => {
  const { cli, second } = await withThreePoints();
  const restore = ['restore', 'photos', '--to-original', '--newest-with', '--path', 'docs/gone.md'];

  await cli.run(...restore);
  const absent = await cli.run(...restore, '--path', 'nowhere/');
  const alone = await cli.run('restore', 'photos', '--to-original', '--newest-with');

  expect(cli.executions.started).toMatchObject([{ input: { point: second, paths: ['docs/gone.md'] } }]);
  expect(absent).toMatchObject({
    code: 3,
    err: expect.stringContaining('none of 3 points of arn:aws:s3:::photos has "docs/gone.md" and "nowhere/"'),
  });
  expect(alone.code).toBe(2);
});
