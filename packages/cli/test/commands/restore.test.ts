import type { PointId } from '@holdfast/engine';
import { pricesAsOf } from '@holdfast/engine/model';
import { describe, expect, test } from 'vitest';
import { CliUnderTest, volumeArn } from '../cli-under-test.ts';

async function backedUp() {
  const cli = new CliUnderTest();
  const point = await cli.backUpThreeFiles();
  return { cli, point };
}

test.for([
  [
    ['--to-bucket', 'b', '--prefix', 'r-', '--prefix-without-slash'],
    { target: { bucket: 'b', prefix: 'r-', prefixWithoutSlash: true }, overwrite: 'never' },
  ],
  [['--to-bucket', 'b', '--prefix', 'r/'], { target: { bucket: 'b', prefix: 'r/' }, overwrite: 'never' }],
  [
    ['--to-original', '--overwrite', 'if-different'],
    { target: { original: true }, overwrite: 'if-different' },
  ],
  [
    ['--to-bucket', 'b', '--path', 'photos/', '--path', 'readme.txt'],
    { target: { bucket: 'b' }, overwrite: 'never', paths: ['photos/', 'readme.txt'] },
  ],
] as const)('starts the restore machine for %j', async ([args, input]) => {
  const { cli, point } = await backedUp();

  const { code, out } = await cli.run('restore', 'photos', ...args);

  const [started] = cli.executions.started;
  expect(started).toEqual({ machine: 'restore', name: started?.name, input: { point, ...input } });
  expect(started?.name).toMatch(/^restore-20261123T120000Z-[0-9a-f]{8}$/);
  expect(out).toBe(`\
the restore of point ${point} of arn:aws:s3:::photos has started
execution arn:aws:states:eu-west-1:111122223333:execution:restore:${started?.name}
next      "holdfast restores" shows how far it is
`);
  expect(code).toBe(0);
});

describe('a restore that the configuration does not allow', () => {
  test.for([
    [
      ['--to-bucket', 'elsewhere'],
      /^holdfast: bucket elsewhere is not allowed as a restore target; add it to restoreTargets.buckets in lib\/plans.ts and deploy, or name an allowed bucket; allowed are: b\n$/,
    ],
    [
      ['--to-original'],
      /^holdfast: bucket photos is not allowed as a restore target; .*, or restore into another bucket; allowed are: b\n$/,
    ],
    [['--to-bucket', 'vault-bucket'], /^holdfast: bucket vault-bucket belongs to Holdfast itself/],
    [['--to-bucket', 'work-bucket'], /^holdfast: bucket work-bucket belongs to Holdfast itself/],
  ] as const)(
    'is refused before anything starts, also as a quote and as a dry run: %j',
    async ([args, message]) => {
      const { cli } = await backedUp();
      cli.restoreBuckets = ['b'];

      for (const how of [[], ['--quote'], ['--dry-run'], ['--wait']]) {
        const { code, out, err } = await cli.run('restore', 'photos', ...args, ...how);

        expect(err).toMatch(message);
        expect([code, out]).toEqual([2, '']);
      }
      expect(cli.executions.started).toEqual([]);
    },
  );

  test('of volumes in another region is refused likewise', async () => {
    const { cli } = await backedUp();
    const image = '20261123T120000Z-00000000000000ee' as PointId;
    await cli.plantPoint({ pointId: image, resourceArn: volumeArn, resourceKind: 'ebs-volume' });

    const { code, err } = await cli.run('restore', image, '--to-volumes', 'us-east-1a', '--dry-run');

    expect(code).toBe(2);
    expect(err).toContain('zone us-east-1a is not in eu-west-1, where the snapshots are');
  });

  test('is left to the restore machine where the configuration is not known', async () => {
    const { cli } = await backedUp();
    cli.restoreBuckets = undefined;

    const { code } = await cli.run('restore', 'photos', '--to-bucket', 'elsewhere');

    expect(code).toBe(0);
    expect(cli.executions.started).toHaveLength(1);
  });
});

test('takes the newest point that is not later than a time', async () => {
  const { cli, point } = await backedUp();
  cli.clock.advance(86_400_000);
  await cli.backUp();

  await cli.run('restore', 'photos', '--time', '2026-11-23', '--to-original');
  const tooEarly = await cli.run('restore', 'photos', '--time', '2026-11-22', '--to-original');
  const both = await cli.run('restore', point, '--time', '2026-11-23', '--to-original');

  expect(cli.executions.started).toMatchObject([{ input: { point } }]);
  expect(tooEarly).toMatchObject({
    code: 3,
    err:
      'holdfast: arn:aws:s3:::photos has no point of 2026-11-22T23:59:59.999Z or before that is kept; ' +
      `the nearest is ${point} of 2026-11-23 12:00:00Z; "holdfast points arn:aws:s3:::photos" lists all\n`,
  });
  expect(both.code).toBe(2);
});

test('passes over points that have expired unless one is named', async () => {
  const { cli, point } = await backedUp();
  cli.clock.advance(31 * 86_400_000);

  const byResource = await cli.run('restore', 'photos', '--to-original');
  const byPoint = await cli.run('restore', point, '--to-original');

  expect(byResource.code).toBe(3);
  expect(byPoint.code).toBe(0);
});

test('quotes files, bytes, requests, dollars and seconds, and starts nothing', async () => {
  const { cli, point } = await backedUp();

  const { code, out } = await cli.run('restore', point, '--quote', '--path', 'photos/');

  expect(out).toMatch(
    new RegExp(
      `^point     ${point} of arn:aws:s3:::photos\n` +
        'files     2\nbytes     3\\.0 KiB to write, \\d+ B to read\nrequests  4\n' +
        `cost      about \\$0\\.0000 \\(list prices of us-east-1, ${pricesAsOf}\\)\ntime      about 6 s\n$`,
    ),
  );
  expect(await cli.json('restore', point, '--quote')).toMatchObject({
    pointId: point,
    files: 3,
    bytes: 3105,
  });
  expect(code).toBe(0);
  expect(cli.executions.started).toEqual([]);
});

test('lists what it would write, each file once, and starts nothing', async () => {
  const { cli, point } = await backedUp();
  const paths = ['--path', 'photos/', '--path', 'photos/a.jpg', '--path', 'photos/'];

  const { out } = await cli.run(
    'restore',
    point,
    '--to-bucket',
    'b',
    '--prefix',
    'r/',
    '--dry-run',
    ...paths,
  );
  const records = await cli.records('restore', point, '--to-original', '--dry-run', '--path', 'readme.txt');
  const missing = await cli.run('restore', point, '--to-original', '--dry-run', '--path', 'photos');

  expect(out).toBe(`\
   2.9 KiB  s3://b/r/photos/a.jpg
     100 B  s3://b/r/photos/b.jpg
would write 2 files, 3.0 KiB; what is there already: overwrite never
`);
  expect(records).toEqual([{ path: 'readme.txt', kind: 'object', bytes: 5, to: 's3://photos/readme.txt' }]);
  expect(missing.code).toBe(3);
  expect(cli.executions.started).toEqual([]);
});

test.for([
  [
    [],
    'name a destination: --to-bucket, --to-original, --to-volumes, --instance, --ami, --to-file or --to-directory',
  ],
  [['--to-original', '--to-bucket', 'b'], 'name one destination only'],
  [
    ['--to-bucket', 's3://rescue/monday'],
    '--to-bucket "s3://rescue/monday" is more than a bucket\'s name; write --to-bucket rescue --prefix monday/',
  ],
  [
    ['--to-bucket', 'rescue', '--prefix', 'monday'],
    '--prefix "monday" has no "/" at its end, so "a.txt" would become "mondaya.txt"; write --prefix "monday/", ' +
      'or confirm with --prefix-without-slash',
  ],
  [['--to-original', '--prefix', 'x/'], '--prefix goes with --to-bucket only'],
  [
    ['--to-original', '--overwrite', 'sometimes'],
    '--overwrite "sometimes" is not a rule; write one of never, if-different, always',
  ],
  [['--to-bucket', ''], 'the destination is empty'],
  [['--to-original', '--quote', '--dry-run'], 'ask for --quote or for --dry-run'],
] as const)('refuses %j before anything is asked of AWS', async ([args, message]) => {
  const { cli, point } = await backedUp();

  const { code, err } = await cli.run('restore', point, ...args);

  expect(err).toContain(`holdfast: ${message}`);
  expect(code).toBe(2);
  expect(cli.connected).toEqual([]);
});

async function withDegraded() {
  const { cli, point: clean } = await backedUp();
  cli.source.plant('readme.txt', 'changed');
  cli.source.plant('new.txt', 'content');
  for (const path of ['readme.txt', 'new.txt']) cli.source.trap(path, 'deny');
  cli.clock.advance(60_000);
  const { root } = await cli.backUp('incremental');
  const said =
    `holdfast: point ${root.point} is degraded: 2 entries could not be read: it lacks 1, and has 1 as earlier points do; ` +
    `the clean point to use instead is ${clean} of 2026-11-23 12:00:00Z; ` +
    `"holdfast warnings ${root.point}" names what could not be read\n`;
  return { cli, clean, point: root.point, said };
}

describe('of a degraded point', () => {
  test.for([[['--to-bucket', 'b']], [['--to-bucket', 'b', '--quote']], [['--to-bucket', 'b', '--dry-run']]])(
    'says before anything is done what it could not read, and which point to take: %j',
    async ([args = []]) => {
      const { cli, said } = await withDegraded();

      const { code, err } = await cli.run('restore', 'photos', ...args);

      expect(err).toBe(said);
      expect(code).toBe(0);
    },
  );

  test('gives programs the same', async () => {
    const { cli, clean } = await withDegraded();

    for (const args of [[], ['--quote']]) {
      expect(await cli.json('restore', 'photos', '--to-bucket', 'b', ...args)).toMatchObject({
        unread: { carried: 1, missing: 1 },
        cleanPointId: clean,
      });
    }
  });

  test('prints what the report of the machine says of it', async () => {
    const { cli } = await withDegraded();
    const degraded = { unread: { carried: 0, missing: 1 }, meaning: 'it lacks 1' };
    cli.executions.report({ state: 'completed-with-warnings', files: 3, degraded });

    const { out } = await cli.run('restore', 'photos', '--to-bucket', 'b', '--wait');

    expect(out).toContain('degraded  it lacks 1\n');
  });
});
