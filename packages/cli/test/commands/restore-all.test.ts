import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PointId, type ResourceArn, StoreUnavailableError } from '@holdfast/engine';
import type { RestoreReport } from '@holdfast/engine/model';
import { expect, onTestFinished, test } from 'vitest';
import { CliUnderTest, volumeArn } from '../cli-under-test.ts';

const docsArn = 'arn:aws:s3:::docs' as ResourceArn;

/** Two buckets with a point each. */
async function backedUp() {
  const cli = new CliUnderTest();
  cli.restoreBuckets = ['b', 'photos', 'docs'];
  const photos = await cli.backUpThreeFiles();
  await cli.plantResource({ arn: docsArn });
  const docs = (await cli.backUp('full', docsArn)).root.point;
  cli.clock.advance(3_600_000);
  return { cli, photos, docs };
}

const whole: Partial<RestoreReport> = { state: 'completed', files: 3, bytes: 3105, written: 3, failed: 0 };

/** Ends every execution with its report when it is first looked at; those of a point otherwise that are named. */
function ending(cli: CliUnderTest, reports: Readonly<Record<string, Partial<RestoreReport> | 'fails'>> = {}) {
  cli.executions.onLook = async (execution) => {
    const started = cli.executions.started.find(({ name }) => execution.endsWith(name));
    const { point = '' } = (started?.input ?? {}) as { point?: string };
    const report = reports[point] ?? whole;
    cli.executions.end(
      execution,
      report === 'fails'
        ? { status: 'failed', error: 'AccessDeniedError', cause: 'the bucket refuses' }
        : { status: 'succeeded', output: JSON.stringify({ report }) },
    );
  };
}

test('restores every resource of a plan after one quote and one yes', async () => {
  const { cli, photos, docs } = await backedUp();
  await cli.plantResource({ arn: 'arn:aws:s3:::weekly' as ResourceArn, plan: 'weekly' });
  cli.answer = 'y';
  ending(cli);

  const { code, out, err } = await cli.run('restore', '--all', '--plan', 'daily', '--to-original');

  expect(err).toBe('restore 2 resources? [y/N] ');
  expect(out).toMatch(/^RESOURCE +TAKEN +STATE +SIZE +TO +NOW\n/);
  expect(out).toContain('quote      2 resources, 6 files, 6.1 KiB to write, ');
  expect(out).toMatch(/cost {7}about \$0\.\d+ \(list prices of us-east-1, .*\), within about \d+ s\n/);
  expect(out).toContain('2 of 2 resources restored\n');
  expect(cli.executions.started.map(({ input }) => input)).toEqual([
    { point: docs, target: { original: true }, overwrite: 'never' },
    { point: photos, target: { original: true }, overwrite: 'never' },
  ]);
  expect(code).toBe(0);
});

test('follows all to their ends where the catalog does not say how far they are', async () => {
  const { cli } = await backedUp();
  cli.catalog.progress.find = async () => Promise.reject(new StoreUnavailableError('throttled'));
  cli.executions.onLook = async (execution, look) => {
    if (look > 6)
      cli.executions.end(execution, { status: 'succeeded', output: JSON.stringify({ report: whole }) });
  };

  const { code, out, err } = await cli.run('restore', '--all', '--to-original', '--yes', '--progress');

  expect(err).toContain('under way: docs');
  expect(out).toContain('2 of 2 resources restored\n');
  expect(code).toBe(0);
});

test('takes of a plan also what has its points under it, whatever tag somebody gave it since', async () => {
  const { cli, photos, docs } = await backedUp();
  ending(cli);
  const pointsOf = async (...words: string[]) => {
    const { parts } = (await cli.json('restore', '--all', ...words, '--to-original', '--dry-run')) as {
      parts: { pointId: string }[];
    };
    return parts.map(({ pointId }) => pointId);
  };
  await cli.plantResource({ plan: 'weekly' });
  await cli.catalog.resources.remove(docsArn);

  const changedAndLost = await pointsOf('--plan', 'daily');
  const pointId = '20261123T130000Z-00000000000000ee' as PointId;
  await cli.plantPoint({ pointId, plan: 'weekly' });
  const after = await cli.run('restore', '--all', '--plan', 'daily', '--to-original', '--quote');
  const before = await pointsOf('--plan', 'daily', '--time', '2026-11-23T12:30:00Z');

  expect(changedAndLost).toEqual([docs, photos]);
  expect(after.code).toBe(0);
  expect(after.out).not.toContain('photos');
  expect(before).toEqual([docs, photos]);
  expect(await pointsOf('--plan', 'weekly', '--time', '2026-11-23T12:30:00Z')).toEqual([photos]);
});

test('says which resources have no such point before anything starts, restores the others, and is no success', async () => {
  const { cli, photos } = await backedUp();
  await cli.plantResource({ arn: 'arn:aws:s3:::empty' as ResourceArn });
  ending(cli);

  const previewed = await cli.run('restore', '--all', '--to-bucket', 'b', '--prefix', 'r/', '--dry-run');
  const before = cli.executions.started.length;
  const done = await cli.run('restore', '--all', '--to-bucket', 'b', '--prefix', 'r/', '--yes');
  const early = await cli.run('restore', '--all', '--time', '2026-11-22', '--to-bucket', 'b', '--yes');
  const none = await cli.run(
    'restore',
    '--all',
    '--clean',
    '--time',
    '2026-11-22',
    '--to-bucket',
    'b',
    '--json',
  );

  expect(previewed.out).toContain(
    'no point   arn:aws:s3:::empty has no point that is kept: it is not restored\n',
  );
  expect([previewed.code, before]).toEqual([1, 0]);
  expect(done.code).toBe(1);
  expect(cli.executions.started).toMatchObject([
    { input: { target: { bucket: 'b', prefix: 'r/docs/' } } },
    { input: { point: photos, target: { bucket: 'b', prefix: 'r/photos/' } } },
  ]);
  expect(early.out).toContain('has no point of 2026-11-22T23:59:59.999Z or before that is kept');
  expect(early.code).toBe(1);
  expect(none.code).toBe(1);
  expect(JSON.parse(none.out)).toMatchObject({ parts: [], without: { length: 3 } });
});

test('takes a killed one up again: what runs is followed, what is back is left, what failed is started anew', async () => {
  const { cli, photos, docs } = await backedUp();
  const thirdArn = 'arn:aws:s3:::third' as ResourceArn;
  cli.restoreBuckets = undefined;
  await cli.plantResource({ arn: thirdArn });
  const third = (await cli.backUp('full', thirdArn)).root.point;
  const command = ['restore', '--all', '--to-original', '--yes'];
  let looks = 0;
  cli.executions.onLook = async (execution) => {
    looks += 1;
    if (looks === 1)
      cli.executions.end(execution, { status: 'succeeded', output: JSON.stringify({ report: whole }) });
    if (looks === 2)
      cli.executions.end(execution, { status: 'failed', error: 'AccessDeniedError', cause: 'no' });
    if (looks > 2) cli.abort.abort();
  };
  const killed = await cli.run(...command);
  const begun = cli.executions.started.length;

  ending(cli);
  cli.abort = new AbortController();
  const { code, out } = await cli.run(...command);
  const states = (await cli.json(...command)) as { parts: { before: string }[] };

  expect(killed.code).toBe(130);
  expect(begun).toBe(3);
  const points = cli.executions.started.map(({ input }) => (input as { point: PointId }).point);
  expect(points.slice(0, 4)).toEqual([docs, photos, third, photos]);
  expect(out).toMatch(/docs .* done already\n.*photos .* to restore\n.*third .* under way\n/);
  expect(out).toContain('3 of 3 resources restored\n');
  expect(code).toBe(0);
  // All of it was done: the same words are a new request.
  expect(states.parts.map(({ before }) => before)).toEqual(['to restore', 'to restore', 'to restore']);
  expect(new Set(cli.executions.started.map(({ name }) => name)).size).toBe(7);
});

test.for([
  ['runs', { status: 'running' }, /docs .* under way\n.*photos .* to restore\n/, 1],
  ['failed', { status: 'failed' }, /docs .* to restore\n.*photos .* to restore\n/, 2],
  [
    'is back',
    { status: 'succeeded', output: JSON.stringify({ report: whole }) },
    /docs .* done already\n.*photos .* to restore\n/,
    1,
  ],
] as const)(
  'goes on with a repetition that was killed, where one %s and the other came back the first time only',
  async ([, state, plan, more]) => {
    const { cli } = await backedUp();
    const command = ['restore', '--all', '--to-original', '--yes'];
    ending(cli);
    await cli.run(...command);
    const [first] = cli.executions.started;
    const again = await cli.executions.start('restore', `${first?.name.slice(0, -1)}2`, first?.input);
    cli.executions.end(again, state);

    const { code, out } = await cli.run(...command);

    expect(out).toMatch(plan);
    expect(out).toContain('2 of 2 resources restored\n');
    expect(code).toBe(0);
    expect(cli.executions.started).toHaveLength(3 + more);
  },
);

test.for([
  ['fails', 1, /failed: AccessDeniedError: the bucket refuses; execution arn/],
  [
    { ...whole, failed: 1, failedFiles: [{ path: 'a', name: 'ChunkCorruptError', message: 'broken' }] },
    4,
    /3 files: 0 the same already, 0 different and left, 1 failed/,
  ],
] as const)('goes on with the others where one %j, and ends with %i', async ([report, code, text]) => {
  const { cli, docs } = await backedUp();
  ending(cli, { [docs]: report });

  const done = await cli.run('restore', '--all', '--to-original', '--wide', '--yes');

  expect(done.out).toMatch(text);
  expect(done.out).toContain('1 of 2 resources restored; the same command tries the others again');
  expect(done.code).toBe(code);
  expect(cli.executions.started).toHaveLength(2);
});

test.for([
  [['photos', '--all', '--to-original'], 'name "photos" or --all, not both'],
  [['--all', '--to-original', '--path', 'a'], '--path is for one point, and does not go with --all'],
  [['photos', '--plan', 'daily', '--to-original'], '--plan goes with --all only'],
  [['--to-original'], 'name a point or a resource, or --all'],
  [['--all'], '3 resources would have no destination: arn:aws:ec2:'],
  [['--all', '--to-original'], `1 resource would have no destination: ${volumeArn} (--to-volumes <zone>)`],
  [
    ['--all', '--to-original', '--to-volumes', 'eu-west-1a'],
    'nobody can be asked here; look at it with --dry-run, and confirm with --yes',
  ],
] as const)('refuses %j before anything starts', async ([words, message]) => {
  const { cli } = await backedUp();
  await cli.plantResource({ arn: volumeArn, kind: 'ebs-volume' });
  await cli.backUpImage('snap-1');

  const { code, err } = await cli.run('restore', ...words);

  expect(err).toContain(message);
  expect(code).toBe(2);
  expect(cli.executions.started).toEqual([]);
});

test('restores nothing where a person does not say yes', async () => {
  const { cli } = await backedUp();
  cli.answer = '';

  const { code, err } = await cli.run('restore', '--all', '--to-original');

  expect(err).toContain('nothing was restored');
  expect([code, cli.executions.started.length]).toEqual([1, 0]);
});

test('names a plan that nothing is backed up under', async () => {
  const { cli } = await backedUp();

  const { code, err } = await cli.run('restore', '--all', '--plan', 'dayly', '--to-original');

  expect(err).toContain('no resource is backed up under plan "dayly"; the plans are daily');
  expect(code).toBe(3);
});

test('puts each resource into a folder of its own', async () => {
  const { cli } = await backedUp();
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-'));
  onTestFinished(async () => rm(directory, { recursive: true }));
  cli.executions.succeed();

  const { code, out } = await cli.run('restore', '--all', '--to-directory', directory, '--yes');

  expect(out).toContain('2 of 2 resources restored\n');
  expect(code).toBe(0);
  for (const folder of ['photos', 'docs'])
    expect(await readFile(join(directory, folder, 'readme.txt'), 'utf8')).toBe('hello');
});
