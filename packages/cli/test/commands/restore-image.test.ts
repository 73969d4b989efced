import type { PointId } from '@holdfast/engine';
import { describe, expect, test } from 'vitest';
import { CliUnderTest, volumeArn } from '../cli-under-test.ts';

const image = '20261123T120000Z-00000000000000ee' as PointId;

/** A catalog that has one image besides files. */
async function holding(resourceKind: 'ebs-volume' | 'ec2-instance') {
  const cli = new CliUnderTest();
  await cli.backUpThreeFiles();
  await cli.plantPoint({ pointId: image, resourceArn: volumeArn, resourceKind });
  return cli;
}

test('restores an image to volumes, and only there', async () => {
  const cli = await holding('ebs-volume');

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

test('prints the volumes that were made', async () => {
  const cli = await holding('ebs-volume');
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
  cli.executions.report({
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

describe('a machine', () => {
  test('is launched again with what is wished', async () => {
    const cli = await holding('ec2-instance');
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
    const cli = await holding('ec2-instance');

    const { code, err } = await cli.run('restore', image, ...options);

    expect(code).toBe(2);
    expect(err).toMatch(message);
    expect(cli.executions.started).toEqual([]);
  });

  test('is asked for in a dry run, which ends well only when nothing is in the way', async () => {
    const cli = await holding('ec2-instance');
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
    const cli = await holding('ec2-instance');
    cli.executions.report({
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
    const cli = await holding('ec2-instance');
    const ami = { imageId: 'ami-2', name: 'web', isKept: true, snapshots: ['snap-1', 'snap-2'] };
    cli.executions.report({ restoreId: 'r', state: 'completed', ami });

    const { out } = await cli.run('restore', image, '--ami', 'web', '--wait');

    expect(out).toBe(`\
AMI       ami-2 web
snapshots snap-1 snap-2, which stay and cost until you delete them with the AMI
the restore of point ${image} of ${volumeArn} is completed
`);
  });

  test('is shown with snapshots that could not be removed', async () => {
    const cli = await holding('ec2-instance');
    const ami = { imageId: 'ami-2', name: 'web', isKept: false };
    cli.executions.report({ restoreId: 'r', state: 'completed', ami, snapshotsLeft: ['snap-1'] });

    const { out } = await cli.run('restore', image, '--instance', '--wait');

    expect(out).toContain('left      snap-1, which could not be removed and cost until you delete them\n');
  });
});
