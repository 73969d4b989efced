import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pricesAsOf } from '@holdfast/engine/model';
import { expect, onTestFinished, test } from 'vitest';
import { CliUnderTest } from '../cli-under-test.ts';

/** Dollars of a quote, and of the thaw in it. */
interface Quote {
  readonly dollars: number;
  readonly thaw: { readonly dollars: number };
}

/** A point in an archive class, and its container. */
async function archived(storageClass = 'DEEP_ARCHIVE') {
  const cli = new CliUnderTest();
  await cli.plantResource();
  cli.source.plant('readme.txt', 'hello');
  cli.source.plant('photos/a.jpg', 'x'.repeat(3000));
  const { root: base } = await cli.backUp();
  const { root } = await cli.makeContainer({ pointId: base.point, storageClass });
  const name = `containers/${root.container?.pack}`;
  const { versionId } = await cli.store.head(name);
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-'));
  onTestFinished(async () => rm(directory, { recursive: true }));
  return { cli, point: root.point, name, versionId, directory };
}

test('a quote of a frozen point says what its thaw takes and costs, and thaws nothing', async () => {
  const { cli, point } = await archived();

  const { code, out } = await cli.run('restore', point, '--quote', '--thaw-speed', 'bulk');
  const quoted = (await cli.json('restore', point, '--quote')) as Quote;

  expect(out).toMatch(
    new RegExp(
      `^point     ${point} of arn:aws:s3:::photos\n` +
        'files     2: the whole point, as its list of files is in the archive, too\n' +
        'bytes     2\\.9 KiB to write, \\S+ \\S+ to read\nrequests  4\n' +
        'thaw      from DEEP_ARCHIVE, bulk: at most 48 h, about \\$0\\.0000\n' +
        `cost      about \\$0\\.0001, thaw included \\(list prices of us-east-1, ${pricesAsOf}\\)\n` +
        'time      about 48 h, thaw included\n$',
    ),
  );
  expect(quoted).toMatchObject({
    pointId: point,
    files: 2,
    seconds: 12 * 3600 + 6,
    thaw: { state: 'frozen', storageClass: 'DEEP_ARCHIVE', speed: 'standard', seconds: 12 * 3600 },
  });
  expect(quoted.thaw.dollars).toBeCloseTo(0.0001, 6);
  expect(quoted.dollars).toBeGreaterThan(quoted.thaw.dollars);
  expect([code, cli.store.requests('thaw'), cli.executions.started]).toEqual([0, 0, []]);
});

test('a quote of a point that thaws says so, and one that is thawed is quoted as any other', async () => {
  const { cli, point, name, versionId } = await archived('GLACIER');
  await cli.store.thaw(name, versionId, { speed: 'expedited', days: 1 });

  const thawing = await cli.run('restore', point, '--quote', '--thaw-speed', 'expedited');
  cli.store.finishThaw(name, versionId, new Date(cli.clock.now().getTime() + 86_400_000));
  const thawed = await cli.json('restore', point, '--quote', '--path', 'readme.txt');

  expect(thawing.out).toContain(
    'thaw      from GLACIER, expedited, which has begun: at most 5 min, about $0.01',
  );
  expect(thawed).toMatchObject({ files: 1, bytes: 5 });
  expect(thawed).not.toHaveProperty('thaw');
});

test('a speed that the class does not have is refused with those that it has', async () => {
  const { cli, point } = await archived();

  const { code, err } = await cli.run('restore', point, '--quote', '--thaw-speed', 'expedited');

  expect(code).toBe(2);
  expect(err).toContain('DEEP_ARCHIVE, which does not thaw expedited; choose standard or bulk');
});

test('the restore machine is told how to thaw, and nothing when nobody says', async () => {
  const { cli, point } = await archived();
  const target = ['--to-bucket', 'b'];

  await cli.run('restore', point, ...target, '--thaw-speed', 'bulk', '--thaw-days', '30');
  await cli.run('restore', point, ...target, '--thaw-days', '2');
  await cli.run('restore', point, ...target);

  const common = { point, target: { bucket: 'b' }, overwrite: 'never' };
  expect(cli.executions.started.map(({ input }) => input)).toEqual([
    { ...common, thaw: { speed: 'bulk', days: 30 } },
    { ...common, thaw: { days: 2 } },
    common,
  ]);
});

test.for([
  [['--to-bucket', 'b', '--thaw-speed', 'soon'], 'write one of expedited, standard, bulk'],
  [['--to-bucket', 'b', '--thaw-days', '0'], 'write one from 1 to 365'],
  [['--to-bucket', 'b', '--thaw-days', 'many'], 'write one from 1 to 365'],
] as const)('refuses %j', async ([options, message]) => {
  const { code, err } = await new CliUnderTest().run('restore', 'photos', ...options);

  expect(code).toBe(2);
  expect(err).toContain(message);
});

test('a restore into a directory has the machine thaw the point, and says how long that takes', async () => {
  const { cli, point, name, versionId, directory } = await archived();
  cli.executions.onLook = async (execution, look) => {
    if (look !== 50) return;
    await cli.store.thaw(name, versionId, { speed: 'bulk', days: 2 });
    cli.store.finishThaw(name, versionId, new Date(cli.clock.now().getTime() + 86_400_000));
    cli.executions.end(execution, { status: 'succeeded' });
  };
  const thaw = ['--thaw-speed', 'bulk', '--thaw-days', '2'];

  const { code, out, err } = await cli.run(
    'restore',
    point,
    '--to-directory',
    directory,
    ...thaw,
    '--progress',
  );

  expect([code, out]).toEqual([0, expect.stringMatching(/^restored 2 files /)]);
  expect(cli.executions.started).toMatchObject([{ input: { point, thaw: { speed: 'bulk', days: 2 } } }]);
  expect(err).toMatch(
    /^the restore of point \S+ is being recorded: arn:\S+\nit lies in DEEP_ARCHIVE and is thawed first, unless it can be read already: bulk, at most 48 h\n/,
  );
  expect(err).toContain('\nwaiting until it is recorded and can be read, 2 min\n');
});

test('what this process cannot read yet is named with the command that thaws it', async () => {
  const { cli, point, name, versionId, directory } = await archived();
  const vault = 's3://vault-bucket';
  const object = `--bucket vault-bucket --key ${name} --version-id ${versionId}`;
  const ways = [
    ['restore', point, '--to-bucket', 'b', '--dry-run'],
    ['extract', vault, point, '--to', directory],
    ['extract', `${vault}/${name}`, '--to', directory],
  ];

  for (const way of ways) {
    const { code, out, err } = await cli.run(...way);
    expect([way, code, out]).toEqual([way, 1, '']);
    expect(err).toContain(
      `lies in DEEP_ARCHIVE and has to be thawed before it can be read here: ask for it with "aws s3api restore-object ${object} ` +
        `--restore-request 'Days=7,GlacierJobParameters={Tier=Standard}'", which takes hours`,
    );
  }
  await cli.store.thaw(name, versionId, { speed: 'bulk', days: 1 });
  for (const way of ways)
    expect((await cli.run(...way)).err).toContain(
      `is being thawed; repeat this when "aws s3api head-object ${object}" shows ongoing-request="false"`,
    );
  cli.store.finishThaw(name, versionId, new Date(cli.clock.now().getTime() + 86_400_000));
  for (const way of ways) expect([way, (await cli.run(...way)).code]).toEqual([way, 0]);
});
