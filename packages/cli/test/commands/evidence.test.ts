import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bucketArn, CliUnderTest, volumeArn } from '../cli-under-test.ts';

let cli: CliUnderTest;
let directory: string;

beforeEach(async () => {
  cli = new CliUnderTest();
  directory = await mkdtemp(path.join(tmpdir(), 'holdfast-evidence-'));
});
afterEach(async () => rm(directory, { recursive: true, force: true }));

const read = async (name: string): Promise<string> => readFile(path.join(directory, name), 'utf8');

async function readObjects(): Promise<Record<string, unknown>[]> {
  const lines = (await read('objects.jsonl')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('writes down the lock of every object that the points need, as the store has it, each once', async () => {
  const first = await cli.backUpThreeFiles();
  cli.clock.advance(86_400_000);
  const { root } = await cli.backUp('incremental');

  const { code, out } = await cli.run('evidence', 'photos', '--out', directory, '--verify');

  expect(code).toBe(0);
  const objects = await readObjects();
  const names = objects.map(({ name }) => String(name));
  expect(new Set(names).size).toBe(names.length);
  for (const point of [first, root.point]) expect(names.some((name) => name.endsWith(point))).toBe(true);
  expect(new Set(objects.map(({ kind }) => kind))).toEqual(new Set(['root', 'pages', 'chunks']));
  for (const { lockMode, lockedUntil, neededUntil, problem } of objects) {
    expect([lockMode, problem]).toEqual(['governance', null]);
    expect(Date.parse(String(lockedUntil))).toBeGreaterThanOrEqual(Date.parse(String(neededUntil)));
  }
  expect(out).toContain(`2 points, ${objects.length} objects, `);
  expect(out).toContain(
    'objects are locked in governance mode, which s3:BypassGovernanceRetention overrides',
  );
  expect(JSON.parse(await read('evidence.json'))).toMatchObject({
    of: 'photos',
    points: [{ pointId: root.point }, { pointId: first }],
    objects: { count: objects.length, problemCount: 0 },
    verified: [{ resourceArn: bucketArn, pointId: root.point, result: 'whole' }],
    audit: { problems: [] },
  });
});

test('ends with 4 and names objects that are gone, not locked, or not locked for long enough', async () => {
  const point = await cli.backUpThreeFiles();
  await cli.catalog.points.prolong(point, new Date('2030-01-01T00:00:00Z'));

  const { code, out } = await cli.run('evidence', 'daily', '--out', directory);
  const document = await cli.json('evidence', 'daily', '--out', path.join(directory, 'again'));

  expect(code).toBe(4);
  expect(out).toMatch(/to look at: (\d+) of \1 objects are not kept as long as they are needed/);
  expect(document).toMatchObject({ points: 1, objects: { problemCount: expect.any(Number) } });
  expect((await readObjects())[0]?.['problem']).toMatch(
    /^it is locked until .*, and needed until 2030-01-01/,
  );
  expect(out).toContain('to look at: no content was read: --verify reads the newest point of each resource');
});

test('the page shows what AWS answered, and names that others chose as text', async () => {
  await cli.backUpThreeFiles();
  cli.protection = [
    { what: 'policy of the bucket', value: { Statement: [{ Sid: '<script>alert(1)</script>' }] } },
    { what: 'trails over the bucket', problem: 'cloudtrail:DescribeTrails was refused' },
    { what: 'public access to the bucket', value: null },
    { what: 'key of the vault', value: { KeyState: 'PendingDeletion' } },
  ];

  const { out } = await cli.run('evidence', 'photos', '--out', directory);

  const page = await read('evidence.html');
  expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  expect(page).not.toContain('<script');
  expect(page).toContain('<h3>trails over the bucket</h3>\n<pre>cloudtrail:DescribeTrails was refused</pre>');
  expect(out).toContain('to look at: trails over the bucket: cloudtrail:DescribeTrails was refused');
  expect(out).toContain('to look at: public access to the bucket: not blocked in every way');
  expect(out).toContain('to look at: key of the vault: PendingDeletion: nothing can be restored without it');
});

test('says that images in snapshots alone were not read', async () => {
  await cli.plantResource({ arn: volumeArn, kind: 'ebs-volume' });
  const point = await cli.backUpImage('snap-1');

  const { code, out } = await cli.run('evidence', 'vol-0a1', '--out', directory, '--verify');

  expect(out).toContain(`to look at: point ${point} is not read: its blocks are in EBS snapshots alone`);
  expect(code).toBe(0);
});

test('writes into no directory that has something in it', async () => {
  await writeFile(path.join(directory, 'evidence.html'), 'older');

  const { code, err } = await cli.run('evidence', 'photos', '--out', directory);

  expect(code).toBe(2);
  expect(err).toContain('is not empty; name a new directory');
  expect(await read('evidence.html')).toBe('older');
});

test('goes on where a point is damaged, and names it as a finding for programs and for people', async () => {
  const damaged = await cli.backUpThreeFiles();
  cli.clock.advance(86_400_000);
  const { root } = await cli.backUp('full');
  cli.store.decay((await cli.catalog.points.find(damaged))?.rootName ?? '', 30);

  const { code, out } = await cli.run('evidence', 'photos', '--out', directory);

  expect(code).toBe(4);
  const finding = expect.stringMatching(`^point ${damaged} of ${bucketArn} is damaged, .*points/`);
  expect(JSON.parse(await read('evidence.json'))).toMatchObject({
    findings: expect.arrayContaining([finding]),
    points: [{ pointId: root.point }, { pointId: damaged }],
    unread: [{ resourceArn: bucketArn, pointId: damaged }],
  });
  expect(await read('evidence.html')).toContain(`<li>point ${damaged} of ${bucketArn} is damaged`);
  expect(out).toContain(`to look at: point ${damaged} of ${bucketArn} is damaged`);
  const roots = (await readObjects()).filter(({ kind }) => kind === 'root');
  expect(roots.map(({ problem }) => problem)).toEqual([null, null]);
});

test('leaves nothing behind where it cannot say everything', async () => {
  await cli.backUpThreeFiles();
  cli.store.decay('keys/', 20);

  const { code, err } = await cli.run('evidence', 'photos', '--out', directory);

  expect(code).toBe(4);
  expect(err).toContain('keys/');
  expect(await readdir(directory)).toEqual([]);
});
