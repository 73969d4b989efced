import type { PointId } from '@holdfast/engine';
import { pricesAsOf, type RestoreReport } from '@holdfast/engine/model';
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

test('restores an image to volumes, and only there', async () => {
  const { cli } = await backedUp();
  const image = '20261123T120000Z-00000000000000ee' as PointId;
  await cli.plantPoint({ pointId: image, resourceArn: volumeArn, resourceKind: 'ebs-volume' });

  const shape = [
    '--volume-type',
    'gp3',
    '--iops',
    '4000',
    '--throughput',
    '250',
    '--delta-from',
    'snap-0123456789abcdef0',
    '--delta-from',
    'snap-0123456789abcdef1',
  ];
  const done = await cli.run('restore', image, '--to-volumes', 'eu-west-1a', ...shape);
  const wrong = await cli.run('restore', image, '--to-volumes', 'eu-west-1a', '--iops', 'many');
  const refused = await cli.run('restore', image, '--to-bucket', 'b');

  expect(done.code).toBe(0);
  expect(cli.executions.started.map(({ input }) => input)).toEqual([
    {
      point: image,
      target: {
        volumes: {
          availabilityZone: 'eu-west-1a',
          type: 'gp3',
          iops: 4000,
          throughput: 250,
          deltaFrom: ['snap-0123456789abcdef0', 'snap-0123456789abcdef1'],
        },
      },
      overwrite: 'never',
    },
  ]);
  expect(wrong.code).toBe(2);
  expect(wrong.err).toContain('--iops "many" is not a number');
  expect(refused.code).toBe(2);
  expect(refused.err).toContain('restore it with --to-volumes <availability zone>');
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

/** Answers the third look with that report. */
function reporting(cli: CliUnderTest, report: Partial<RestoreReport> & { readonly news?: unknown }): void {
  cli.executions.onLook = async (execution, look) => {
    if (look === 3)
      cli.executions.end(execution, { status: 'succeeded', output: JSON.stringify({ report }) });
  };
}

test('waits for the end and prints the report of the machine', async () => {
  const { cli, point } = await backedUp();
  reporting(cli, {
    state: 'completed',
    target: 's3://photos/',
    files: 3,
    bytes: 3105,
    written: 3,
    kept: 0,
    same: 0,
    failed: 0,
    carried: 0,
    failedFiles: [],
  });

  const { code, out } = await cli.run('restore', point, '--to-original', '--wait');

  expect(out).toBe(`\
target    s3://photos/
files     3: 3 written (3.0 KiB), 0 the same already, 0 different and left, 0 failed
the restore of point ${point} of arn:aws:s3:::photos is completed
`);
  expect(code).toBe(0);
});

test.for([
  ['is of another form', JSON.stringify({ report: { state: 'half-way' } })],
  ['is not there', undefined],
] as const)('fails where the report %s: what was restored is not known', async ([, output]) => {
  const { cli, point } = await backedUp();
  cli.executions.onLook = async (execution) => cli.executions.end(execution, { status: 'succeeded', output });

  const { code, out, err } = await cli.run('restore', point, '--to-original', '--wait');

  expect(err).toContain('has ended with a report that this program cannot read');
  expect(out).toBe('');
  expect(code).toBe(1);
});

test.for([
  ['ChunkCorruptError', 4],
  ['RestorePathError', 1],
] as const)('names files that the machine left out for a %s and ends with %d', async ([name, wanted]) => {
  const { cli, point } = await backedUp();
  const failedFiles = [{ path: 'a\u0007', name, message: 'not this one' }];
  reporting(cli, { state: 'completed-with-failures', files: 3, failed: 1, failedFiles, carried: 2 });

  const { code, out } = await cli.run('restore', point, '--to-original', '--wait');

  expect(out).toContain('not restored: a\\x07: not this one\n');
  expect(out).toContain('older     2 files with the content of an earlier point\n');
  expect(out).toContain('is completed-with-failures\n');
  expect(code).toBe(wanted);
});

describe('a machine', () => {
  const image = '20261123T120000Z-00000000000000ee' as PointId;
  const machine = async () => {
    const { cli } = await backedUp();
    await cli.plantPoint({ pointId: image, resourceArn: volumeArn, resourceKind: 'ec2-instance' });
    return cli;
  };

  test('is launched again with what is wished', async () => {
    const cli = await machine();
    const place = [
      '--subnet',
      'subnet-0123abcd',
      '--security-group',
      'sg-0123abcd',
      '--security-group',
      'sg-0123abce',
    ];

    const { code } = await cli.run(
      'restore',
      image,
      '--instance',
      ...place,
      '--no-network',
      '--no-key',
      '--stopped',
    );
    await cli.run('restore', image, '--ami', 'web of March');

    expect(code).toBe(0);
    expect(cli.executions.started.map(({ input }) => (input as { target: unknown }).target)).toEqual([
      {
        instance: {
          subnet: 'subnet-0123abcd',
          securityGroups: ['sg-0123abcd', 'sg-0123abce'],
          keyName: false,
          network: false,
          stopped: true,
        },
      },
      { ami: { name: 'web of March' } },
    ]);
  });

  test.for([
    [['--to-volumes', 'us-east-1a', '--subnet', 'subnet-0123abcd'], /--subnet goes with --instance only/],
    [['--instance', '--subnet', 'mine'], /--subnet is not right: expected an id such as subnet-/],
    [['--instance', '--ami', 'web'], /name one destination only: .*--instance, --ami/],
  ] as const)('is not launched with %j', async ([options, message]) => {
    const cli = await machine();

    const { code, err } = await cli.run('restore', image, ...options);

    expect(code).toBe(2);
    expect(err).toMatch(message);
    expect(cli.executions.started).toEqual([]);
  });

  test('is asked for in a dry run, which ends well only when nothing is in the way', async () => {
    const cli = await machine();
    const check = {
      problems: ['subnet subnet-1 is gone'],
      differences: ['another address'],
      unknown: ['capacity'],
    };
    const output = JSON.stringify({ launch: { check } });
    cli.executions.onLook = async (execution) =>
      cli.executions.end(execution, { status: 'succeeded', output });

    const { code, out } = await cli.run('restore', image, '--instance', '--dry-run');

    expect(code).toBe(1);
    expect(cli.executions.started).toMatchObject([{ input: { target: { instance: {} }, dryRun: true } }]);
    expect(out).toBe(`\
in the way   subnet subnet-1 is gone
not as was   another address
not known    capacity
nothing was launched
`);
    expect(await cli.json('restore', image, '--instance', '--dry-run')).toMatchObject({ check });
  });

  test('is shown with what of it is not as it was', async () => {
    const cli = await machine();
    reporting(cli, {
      restoreId: 'r',
      state: 'completed',
      instance: {
        instanceId: 'i-2',
        state: 'running',
        type: 't3.micro',
        availabilityZone: 'us-east-1a',
        privateIpAddress: '10.0.0.9',
      },
      ami: { imageId: 'ami-2', name: 'holdfast-r', isKept: false },
      differences: ['interface 0 has no public address'],
    });

    const { out } = await cli.run('restore', image, '--instance', '--wait');

    expect(out).toBe(`\
instance  i-2 t3.micro, running, in us-east-1a, 10.0.0.9
not as was  interface 0 has no public address
the restore of point ${image} of ${volumeArn} is completed
`);
  });

  test('is shown as an AMI that is kept, with the snapshots that cost as long as they stay', async () => {
    const cli = await machine();
    const ami = { imageId: 'ami-2', name: 'web', isKept: true, snapshots: ['snap-1', 'snap-2'] };
    reporting(cli, { restoreId: 'r', state: 'completed', ami });

    const { out } = await cli.run('restore', image, '--ami', 'web', '--wait');

    expect(out).toBe(`\
AMI       ami-2 web
snapshots snap-1 snap-2, which stay and cost until you delete them with the AMI
the restore of point ${image} of ${volumeArn} is completed
`);
  });

  test('is shown with snapshots that could not be removed', async () => {
    const cli = await machine();
    const ami = { imageId: 'ami-2', name: 'web', isKept: false };
    reporting(cli, { restoreId: 'r', state: 'completed', ami, snapshotsLeft: ['snap-1'] });

    const { out } = await cli.run('restore', image, '--instance', '--wait');

    expect(out).toContain('left      snap-1, which could not be removed and cost until you delete them\n');
  });
});

test('prints the volumes that were made', async () => {
  const { cli } = await backedUp();
  const image = '20261123T120000Z-00000000000000ee' as PointId;
  await cli.plantPoint({ pointId: image, resourceArn: volumeArn, resourceKind: 'ebs-volume' });
  const volumes = [
    {
      volumeId: 'vol-2',
      snapshotId: 'snap-1',
      sourceVolumeId: 'vol-1',
      device: '/dev/xvda',
      sizeGiB: 8,
      orderedAt: '2026-11-23T12:00:00Z',
      tagsLeftOff: [],
      from: 'vault' as const,
    },
  ];
  reporting(cli, {
    restoreId: 'r',
    state: 'completed',
    volumes,
    throttledCalls: 12,
    machine: { bucket: 'holdfast-work-bucket', key: 'restores/r/machine.json' },
  });

  const { out } = await cli.run('restore', image, '--to-volumes', 'eu-west-1a', '--wait');

  expect(out).toBe(`\
VOLUME  COPY OF  DEVICE      SIZE  MADE OF
vol-2   vol-1    /dev/xvda  8 GiB  the vault
throttled 12 calls, which EBS refused at first
machine   s3://holdfast-work-bucket/restores/r/machine.json
the restore of point ${image} of ${volumeArn} is completed
`);
});

test('gives programs the whole report, fields included that it does not print', async () => {
  const { cli, point } = await backedUp();
  reporting(cli, { restoreId: 'r', state: 'completed', files: 3, news: { a: 1 } });

  expect(await cli.json('restore', point, '--to-original', '--wait')).toMatchObject({
    pointId: point,
    resourceArn: 'arn:aws:s3:::photos',
    report: { restoreId: 'r', files: 3, news: { a: 1 } },
  });
});

test('passes over points that have expired unless one is named', async () => {
  const { cli, point } = await backedUp();
  cli.clock.advance(31 * 86_400_000);

  const byResource = await cli.run('restore', 'photos', '--to-original');
  const byPoint = await cli.run('restore', point, '--to-original');

  expect(byResource.code).toBe(3);
  expect(byPoint.code).toBe(0);
});

test("fails with the machine's reason", async () => {
  const { cli, point } = await backedUp();
  cli.executions.onLook = async (execution) =>
    cli.executions.end(execution, {
      status: 'failed',
      error: 'TargetUnavailableError',
      cause: 'bucket b may not be written',
    });

  const { code, err } = await cli.run('restore', point, '--to-bucket', 'b', '--wait');

  expect(code).toBe(1);
  expect(err).toMatch(
    /did not succeed: TargetUnavailableError: bucket b may not be written; execution arn:\S+\n$/,
  );
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
    reporting(cli, { state: 'completed-with-warnings', files: 3, degraded });

    const { out } = await cli.run('restore', 'photos', '--to-bucket', 'b', '--wait');

    expect(out).toContain('degraded  it lacks 1\n');
  });
});
