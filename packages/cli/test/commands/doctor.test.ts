import { AccessDeniedError } from '@holdfast/engine';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { StackTemplate } from '../../src/doctor/stack-template.ts';
import type { CliUnderTest } from '../cli-under-test.ts';
import {
  denial,
  vault,
  storage,
  ofFunction,
  protectShard,
  pipeline,
  attention,
  openDeployment,
} from '../doctor-under-test.ts';

let cli: CliUnderTest;
let assembly: string;

beforeEach(async () => {
  cli = await openDeployment();
  assembly = await mkdtemp(path.join(tmpdir(), 'holdfast-assembly-'));
});

afterEach(async () => rm(assembly, { recursive: true, force: true }));

/** Writes what `cdk synth` would. */
async function synthesize(templates: Readonly<Record<string, StackTemplate>>): Promise<void> {
  const artifacts = Object.keys(templates).map((stack) => [
    stack,
    {
      type: 'aws:cloudformation:stack',
      environment: 'aws://111122223333/eu-west-1',
      properties: { templateFile: `${stack}.template.json` },
    },
  ]);
  const manifest = { version: '1', artifacts: Object.fromEntries(artifacts) as object };
  await writeFile(path.join(assembly, 'manifest.json'), JSON.stringify(manifest));
  for (const [stack, template] of Object.entries(templates))
    await writeFile(path.join(assembly, `${stack}.template.json`), JSON.stringify(template));
}

test('finds nothing to do where everything is as it must be', async () => {
  const { code, out } = await cli.run('doctor');

  expect(out).toContain('good       functions at once: 900 of 1000 are free for 20 of Holdfast\n');
  expect(out).toContain('good       permissions: 1 role as deployed, and used by whom they are for\n');
  expect(out).toContain('good       maintenance: the last one began 7 h ago and succeeded\n');
  expect(out).toMatch(/\n16 checks: 16 good, 0 need attention, 0 unknown\n$/);
  expect(code).toBe(0);
});

test('names everything that is not, each with what to do', async () => {
  cli.deployedVersion = '0.0.9';
  cli.functionsAtOnce = { limit: 10, unreserved: 10 };
  cli.blockQuotas = { read: 1000, write: 5000 };
  cli.subscriptions = { confirmed: 0, pending: 1 };
  cli.executions.cycles = [
    { name: 'maintenance', status: 'timed-out', startedAt: new Date('2026-11-23T05:00:00Z') },
  ];
  cli.protection = [
    { what: 'object lock of the bucket', value: null },
    { what: 'versions of the bucket', value: { Status: 'Suspended' } },
    {
      what: 'policy of the bucket',
      value: { Statement: [denial('NoDeleteMarkers', 's3:DeleteObjectTagging'), denial('OnlyTls', 's3:*')] },
    },
    { what: 'public access to the bucket', value: { BlockPublicAcls: true, BlockPublicPolicy: false } },
    { what: 'key of the vault', value: { KeyState: 'PendingDeletion' } },
    { what: 'trails over the bucket', value: [{ IsLogging: false }] },
  ];
  cli.store.decay('keys/', 20);

  expect(await attention(cli)).toEqual({
    version: expect.stringMatching(/^attention: the program is .*, and 0\.0\.9 is deployed/),
    vault: expect.stringMatching(/^attention: \d files? of it damaged/),
    'object lock of the bucket': expect.stringMatching(/^attention: not enabled/),
    'versions of the bucket': expect.stringMatching(/^attention: Suspended/),
    'policy of the bucket': expect.stringMatching(
      /^attention: somebody has changed or removed NoDeleteMarkers:/,
    ),
    'blocks of EBS': expect.stringMatching(
      /^attention: 1000 a second may be read, .* set blockQuota to 1000/,
    ),
    'public access to the bucket': expect.stringMatching(/^attention: not blocked in every way/),
    'key of the vault': expect.stringMatching(
      /^attention: PendingDeletion: nothing can be restored without it/,
    ),
    'trails over the bucket': expect.stringMatching(/^attention: 1 of 1 stopped/),
    'functions at once': expect.stringMatching(/^attention: 10 may run, and 10 workers need about 20/),
    alarms: expect.stringMatching(/^attention: 1 subscription not confirmed/),
    maintenance: expect.stringMatching(/^attention: the last one has timed-out/),
  });
});

/** As CloudFormation knows it, and as S3 does. */
const bounded = (bucket: object | string, role: object | string, tls: number | string) => ({
  ...denial('OnlyWritersWrite', 's3:PutObject'),
  Principal: { AWS: '*' },
  NotResource: typeof bucket === 'string' ? `${bucket}/audit/*` : { 'Fn::Join': ['', [bucket, '/audit/*']] },
  Condition: { ArnNotEquals: { 'aws:PrincipalArn': [role] }, NumericLessThan: { 's3:TlsVersion': tls } },
});

test.for([
  ['denies what it did', {}, undefined],
  [
    'spares another one',
    { 'aws:PrincipalArn': ['arn:aws:iam::1:role/w', 'arn:aws:iam::1:role/x'] },
    'condition',
  ],
  ['spares who has a tag', { 'aws:PrincipalTag/a': 'b' }, 'condition'],
  ['spares more of the bucket', { NotResource: 'arn:aws:s3:::v/*' }, 'statement'],
  ['is for one person', { Principal: { AWS: 'arn:aws:iam::1:user/u' } }, 'statement'],
  ['is for everybody, said otherwise', { Principal: '*' }, undefined],
] as const)('sees whether a denial of the vault %s', async ([, change, changed]) => {
  const deployed = bounded({ 'Fn::GetAtt': ['Vault', 'Arn'] }, { 'Fn::GetAtt': ['Role', 'Arn'] }, 1.2);
  const { Condition, ...rest } = bounded('arn:aws:s3:::v', 'arn:aws:iam::1:role/w', '1.2');
  const actual =
    changed === 'condition'
      ? { ...rest, Condition: { ...Condition, ArnNotEquals: { ...Condition.ArnNotEquals, ...change } } }
      : { ...rest, Condition, ...change };
  const what = 'policy of the bucket';
  const Properties = { Bucket: { Ref: 'Vault' }, PolicyDocument: { Statement: [deployed] } };
  cli.templates = {
    ...cli.templates,
    HoldfastStorage: {
      Resources: { Vault: vault, VaultPolicy: { Type: 'AWS::S3::BucketPolicy', Properties } },
    },
  };
  cli.protection = [{ what, value: { Statement: [actual] } }];

  const finding = 'attention: somebody has changed or removed OnlyWritersWrite: deploy HoldfastStorage again';
  expect(await attention(cli)).toEqual(changed === undefined ? {} : { [what]: finding });
});

test('a trail that belongs to somebody else says nothing about those of the account', async () => {
  const elsewhere = { TrailARN: 'org', problem: 'reading trail org is not possible' };
  const what = 'trails over the bucket';
  cli.protection = [{ what, value: [elsewhere] }];
  expect(await attention(cli)).toEqual({ [what]: `unknown: ${elsewhere.problem}` });

  cli.protection = [{ what, value: [elsewhere, { IsLogging: true }] }];
  expect(await attention(cli)).toEqual({});
});

test('what it may not look at is unknown, and hides nothing else', async () => {
  cli.plans = undefined;
  cli.templates = {};
  cli.blockQuotas = { read: undefined, write: undefined };
  cli.deployedVersion = undefined;
  cli.subscriptions = undefined;
  cli.executions.cycles = new AccessDeniedError('states:ListExecutions is denied');
  cli.protection = [{ what: 'key of the vault', problem: 'kms:DescribeKey is denied' }];

  expect(await attention(cli)).toEqual({
    version: expect.stringMatching(/^unknown/),
    configuration: expect.stringMatching(/^unknown/),
    deprecations: 'unknown: there is no stack HoldfastPipeline to look at',
    'blocks of EBS': expect.stringMatching(/^unknown/),
    permissions: expect.stringMatching(/^unknown: no template of HoldfastStorage, /),
    'key of the vault': 'unknown: kms:DescribeKey is denied',
    alarms: expect.stringMatching(/^unknown/),
    maintenance: 'unknown: states:ListExecutions is denied',
  });
});

test('says so where the clock is off, and where a runtime comes to its end', async () => {
  cli.executions.cycles = [
    { name: 'maintenance', status: 'succeeded', startedAt: new Date('2028-01-01T05:00:00Z') },
  ];
  cli.clock.advance(Date.parse('2028-01-01T12:00:00Z') - cli.clock.now().getTime());
  cli.store.now = async () => new Date(cli.clock.now().getTime() + 600_000);

  expect(await attention(cli)).toEqual({
    clock: expect.stringMatching(/^attention: it is 10 min behind that of S3/),
    deprecations: expect.stringMatching(/^attention: Lambda mends nodejs24\.x until 2028-04-30/),
  });
});

test('uses a raised quota of EBS only where the deployment is told of it', async () => {
  cli.blockQuotas = { read: 8000, write: 6000 };

  expect((await cli.run('doctor')).out).toContain('Holdfast uses more of them with blockQuota: 6000');

  cli.blockQuota = 7000;
  expect(await attention(cli)).toEqual({ 'blocks of EBS': expect.stringMatching(/takes 7000 for granted/) });
});

test('says what an upgrade changes, and that none of it loses data', async () => {
  await synthesize({
    HoldfastStorage: {
      Resources: {
        ...storage.Resources,
        Vault: { ...vault, Properties: { ...vault.Properties, LifecycleConfiguration: { Rules: [] } } },
        VaultPolicy: {
          Type: 'AWS::S3::BucketPolicy',
          Properties: {
            Bucket: { Ref: 'Vault' },
            PolicyDocument: { Statement: [denial('OnlyTls', 's3:*')] },
          },
        },
      },
    },
    HoldfastPipeline: {
      Resources: {
        OpenRun: ofFunction({ Code: { S3Key: 'b' } }),
        ListShards: ofFunction({ Code: { S3Key: 'b' }, MemorySize: 512 }),
        ...protectShard,
        Find: ofFunction(),
        Daily: { Type: 'AWS::Scheduler::Schedule', Properties: { ScheduleExpression: 'rate(1 day)' } },
      },
    },
  });

  const { code, out } = await cli.run('doctor', '--templates', assembly);

  expect(code).toBe(0);
  expect(out).toMatch(/^good +upgrade of HoldfastStorage: \d+ changes, none of which loses data$/m);
  expect(out).toMatch(/^data +changed +Vault \(AWS::S3::Bucket, LifecycleConfiguration\)$/m);
  expect(out).toMatch(/^permissions +wider +Deny s3:DeleteObject on \$\{Vault\}/m);
  expect(out).toMatch(/^functions +changed +ListShards \(Code, MemorySize\)$/m);
  expect(out).toMatch(/^functions +changed +1 function, in nothing but code$/m);
  expect(out).toMatch(/^functions +added +Find$/m);
  expect(out).toMatch(/^functions +removed +Sweep$/m);
  expect(out).toMatch(/^schedules +added +Daily$/m);
  for (const line of out.split('\n').slice(out.split('\n').indexOf('HoldfastStorage would change:')))
    expect(line.length).toBeLessThanOrEqual(80);
});

test('refuses an upgrade that would replace, remove or no longer keep what holds data, and names it', async () => {
  await synthesize({
    HoldfastStorage: {
      Resources: {
        Vault: { ...vault, Properties: { ...vault.Properties, BucketName: 'another' } },
        Other: { ...vault, DeletionPolicy: 'Delete' },
      },
    },
    HoldfastPipeline: pipeline,
  });
  cli.templates = {
    HoldfastStorage: { Resources: { ...storage.Resources, Other: vault } },
    HoldfastPipeline: pipeline,
  };

  const { code, out } = await cli.run('doctor', '--templates', assembly, '--json');

  expect(code).toBe(7);
  expect(JSON.parse(out)).toMatchObject({
    stacks: [
      {
        stack: 'HoldfastStorage',
        refused: expect.arrayContaining([
          'AWS::S3::Bucket Vault would be replaced by an empty one (BucketName)',
          "AWS::DynamoDB::GlobalTable Catalog would be removed, or be out of the deployment's reach",
          'AWS::S3::Bucket Other would not be kept any more (DeletionPolicy)',
        ]),
      },
      { stack: 'HoldfastPipeline', refused: [], changes: [] },
    ],
  });
});

test('compares nothing where there is nothing to compare with, and says so', async () => {
  expect(await cli.run('doctor', '--templates', assembly)).toMatchObject({
    code: 2,
    err: expect.stringMatching(/"cdk synth" writes it/),
  });

  await synthesize({ Other: storage });
  const { code, out } = await cli.run('doctor', '--templates', assembly);
  expect(code).toBe(1);
  expect(out).toMatch(/upgrade of HoldfastStorage: .* has no such stack for eu-west-1 \(Other\)/);
});

test('says so where half of what "cdk synth" wrote is gone', async () => {
  await synthesize({ HoldfastStorage: storage });
  await rm(path.join(assembly, 'HoldfastStorage.template.json'));

  const { code, err } = await cli.run('doctor', '--templates', assembly);

  expect(err).toMatch(/there is no .*HoldfastStorage.template.json; "cdk synth" writes it/);
  expect(code).toBe(2);
});
