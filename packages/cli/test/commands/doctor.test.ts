import { AccessDeniedError } from '@holdfast/engine';
import { beforeEach, expect, test } from 'vitest';
import { CliUnderTest } from '../cli-under-test.ts';

let cli: CliUnderTest;

beforeEach(async () => {
  cli = new CliUnderTest();
  await cli.backUpThreeFiles();
  cli.executions.cycles = [
    { name: 'maintenance', status: 'succeeded', startedAt: new Date('2026-11-23T05:00:00Z') },
  ];
  cli.protection = [
    { what: 'object lock of the bucket', value: { ObjectLockEnabled: 'Enabled' } },
    { what: 'versions of the bucket', value: { Status: 'Enabled' } },
    { what: 'policy of the bucket', value: { Statement: [] } },
    {
      what: 'public access to the bucket',
      value: {
        BlockPublicAcls: true,
        IgnorePublicAcls: true,
        BlockPublicPolicy: true,
        RestrictPublicBuckets: true,
      },
    },
    { what: 'key of the vault', value: { KeyState: 'Enabled' } },
    { what: 'trails over the bucket', value: [{ IsLogging: true }] },
  ];
});

async function attention(): Promise<Record<string, string>> {
  const { code, out } = await cli.run('doctor', '--json');
  const { checks } = JSON.parse(out) as { checks: { what: string; state: string; finding: string }[] };
  const found = checks.filter(({ state }) => state !== 'good');
  expect(code).toBe(found.some(({ state }) => state === 'attention') ? 1 : 0);
  return Object.fromEntries(found.map(({ what, state, finding }) => [what, `${state}: ${finding}`]));
}

test('finds nothing to do where everything is as it must be', async () => {
  const { code, out } = await cli.run('doctor');

  expect(out).toContain('good       functions at once: 900 of 1000 are free for 20 of Holdfast\n');
  expect(out).toContain('good       maintenance: the last one began 7 h ago and succeeded\n');
  expect(out).toMatch(/\n12 checks: 12 good, 0 need attention, 0 unknown\n$/);
  expect(code).toBe(0);
});

test('names everything that is not, each with what to do', async () => {
  cli.deployedVersion = '0.0.9';
  cli.functionsAtOnce = { limit: 10, unreserved: 10 };
  cli.subscriptions = { confirmed: 0, pending: 1 };
  cli.executions.cycles = [
    { name: 'maintenance', status: 'timed-out', startedAt: new Date('2026-11-23T05:00:00Z') },
  ];
  cli.protection = [
    { what: 'object lock of the bucket', value: null },
    { what: 'versions of the bucket', value: { Status: 'Suspended' } },
    { what: 'public access to the bucket', value: { BlockPublicAcls: true, BlockPublicPolicy: false } },
    { what: 'key of the vault', value: { KeyState: 'PendingDeletion' } },
    { what: 'trails over the bucket', value: [{ IsLogging: false }] },
  ];
  cli.store.decay('keys/', 20);

  expect(await attention()).toEqual({
    version: expect.stringMatching(/^attention: the program is .*, and 0\.0\.9 is deployed/),
    vault: expect.stringMatching(/^attention: \d files? of it damaged/),
    'object lock of the bucket': expect.stringMatching(/^attention: not enabled/),
    'versions of the bucket': expect.stringMatching(/^attention: Suspended/),
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

test('a trail that belongs to somebody else says nothing about those of the account', async () => {
  const elsewhere = { TrailARN: 'org', problem: 'reading trail org is not possible' };
  const what = 'trails over the bucket';
  cli.protection = [{ what, value: [elsewhere] }];
  expect(await attention()).toEqual({ [what]: `unknown: ${elsewhere.problem}` });

  cli.protection = [{ what, value: [elsewhere, { IsLogging: true }] }];
  expect(await attention()).toEqual({});
});

test('what it may not look at is unknown, and hides nothing else', async () => {
  cli.plans = undefined;
  cli.deployedVersion = undefined;
  cli.subscriptions = undefined;
  cli.executions.cycles = new AccessDeniedError('states:ListExecutions is denied');
  cli.protection = [{ what: 'key of the vault', problem: 'kms:DescribeKey is denied' }];

  expect(await attention()).toEqual({
    version: expect.stringMatching(/^unknown/),
    configuration: expect.stringMatching(/^unknown/),
    'key of the vault': 'unknown: kms:DescribeKey is denied',
    alarms: expect.stringMatching(/^unknown/),
    maintenance: 'unknown: states:ListExecutions is denied',
  });
});
