import { AccessDeniedError, type InventoryItem, type PointId, type ResourceArn } from '@holdfast/engine';
import { beforeEach, expect, test } from 'vitest';
import { bucketArn, CliUnderTest } from '../cli-under-test.ts';

const gibibyte = 2 ** 30;

function item(arn: string, kind: InventoryItem['kind'], more: Partial<InventoryItem> = {}): InventoryItem {
  return { arn: arn as ResourceArn, kind, ...more };
}

const ec2 = 'arn:aws:ec2:eu-west-1:111122223333';

let cli: CliUnderTest;

beforeEach(async () => {
  cli = new CliUnderTest();
  await cli.plantResource();
  await cli.plantPoint({ pointId: '20261123T020000Z-00000000000000aa' as PointId });
  await cli.plantResource({ arn: `${ec2}:volume/vol-1` as ResourceArn, kind: 'ebs-volume' });
  cli.inventory.buckets = [
    item(bucketArn, 's3-bucket', { bytes: 5 * gibibyte }),
    item('arn:aws:s3:::logs', 's3-bucket', { bytes: 100 * gibibyte }),
    item('arn:aws:s3:::new', 's3-bucket'),
    item('arn:aws:s3:::empty', 's3-bucket', { bytes: 0 }),
    item('arn:aws:s3:::vault-bucket', 's3-bucket', { bytes: gibibyte }),
  ];
  cli.inventory.machines = [
    item(`${ec2}:instance/i-1`, 'ec2-instance', {
      name: 'web',
      bytes: 16 * gibibyte,
      consistsOf: [`${ec2}:volume/vol-1`, `${ec2}:volume/vol-2`] as ResourceArn[],
    }),
    item(`${ec2}:instance/i-2`, 'ec2-instance', {
      bytes: 8 * gibibyte,
      consistsOf: [`${ec2}:volume/vol-1`] as ResourceArn[],
    }),
  ];
  cli.inventory['file systems'] = [
    item('arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-1', 'efs-file-system', {
      bytes: 4096,
    }),
  ];
});

test('lists what has data and no plan, the largest first, and what cannot be backed up', async () => {
  const { code, out } = await cli.run('coverage', '--wide');

  expect(out).toMatch(
    /^coverage {3}3 resources with data \(116 GiB and more\) and no plan, 1 backed up, 1 with a plan and unprotected, 1 of kinds/,
  );
  expect(
    out
      .split('\n')
      .slice(2, 8)
      .map((line) => line.replaceAll(/ {2,}/g, ' | ')),
  ).toEqual([
    'RESOURCE | KIND | SIZE | A COPY | STANDING | WHY',
    'new | s3-bucket | unknown | - | no-plan | it has no plan',
    expect.stringMatching(/^logs \| s3-bucket \| 100 GiB \| \$\d\.\d\d \| no-plan \| it has no plan$/),
    expect.stringMatching(
      /^i-1 web \| ec2-instance \| 16 GiB \| \S+ \| no-plan \| 1 of 2 volumes have no plan$/,
    ),
    expect.stringMatching(/^i-2 \| ec2-instance \| 8.0 GiB \| \S+ \| unprotected \| by its volumes$/),
    expect.stringMatching(
      /^fs-1 \| efs-file-system \| 4.0 KiB \| \S+ \| unsupported \| this version cannot back it up$/,
    ),
  ]);
  expect(out).toContain('\nnext: "holdfast protect <resource> --plan <plan>" backs one up');
  expect(code).toBe(0);
});

test('shows with --all what is backed up and how well, but nothing of its own', async () => {
  const document = await cli.json('coverage', '--all');

  expect(document).toMatchObject({
    resources: [
      expect.not.objectContaining({ bytes: expect.anything() }),
      { coverage: 'no-plan' },
      { coverage: 'no-plan' },
      {
        resourceArn: `${ec2}:instance/i-2`,
        coverage: 'backed-up',
        standing: 'unprotected',
        reason: 'by its volumes',
      },
      { coverage: 'unsupported' },
      { resourceArn: bucketArn, coverage: 'backed-up', standing: 'protected' },
      { resourceArn: 'arn:aws:s3:::empty', coverage: 'empty' },
    ],
  });
});

test('goes on where a part of the account may not be looked at, and names it', async () => {
  cli.inventory.databases = new AccessDeniedError('rds:DescribeDBInstances is denied; allow it');

  const { code, out } = await cli.run('coverage');

  expect(out).toContain('unknown    databases: rds:DescribeDBInstances is denied; allow it');
  expect(code).toBe(0);
});

test('ends with 5 for --check where something that could be backed up is not', async () => {
  expect((await cli.run('coverage', '--check')).code).toBe(5);

  const [, , , empty] = cli.inventory.buckets as InventoryItem[];
  cli.inventory.buckets = [empty as InventoryItem];
  const machines = cli.inventory.machines as InventoryItem[];
  cli.inventory.machines = machines.slice(1);
  expect((await cli.run('coverage', '--check')).code).toBe(5); // A plan alone is no backup.
  cli.inventory.machines = [];
  expect((await cli.run('coverage', '--check')).code).toBe(0);
  cli.inventory.databases = new AccessDeniedError('rds:DescribeDBInstances is denied; allow it');
  expect((await cli.run('coverage', '--check')).code).toBe(5); // Nobody knows.
  cli.inventory.databases = [];

  await cli.plantPoint({
    pointId: '20261120T020000Z-00000000000000bb' as PointId,
    resourceArn: 'arn:aws:s3:::once' as ResourceArn,
  });
  const { code, out } = await cli.run('coverage', '--check');
  expect(out).toContain('was backed up, and has no tag any more\nRESOURCE  LAST POINT');
  expect(code).toBe(5);
});
