import { StoreUnavailableError } from '@holdfast/engine';
import { expect, test, vi } from 'vitest';
import { commands } from '../src/commands/all-commands.ts';
import { CliUnderTest } from './cli-under-test.ts';

test('explains itself without asking anything of AWS', async () => {
  const cli = new CliUnderTest();

  const help = await cli.run('help');

  expect(help.code).toBe(0);
  for (const { name, summary } of commands)
    expect(help.out).toMatch(new RegExp(`^  ${name} +${summary.slice(0, 20)}`, 'm'));
  expect(await cli.run()).toEqual(help);
  expect(await cli.run('--help')).toEqual(help);
  expect(cli.connected).toEqual([]);
});

test.for(commands.map(({ name }) => name))('explains %s with all its options', async (name) => {
  const cli = new CliUnderTest();

  const { code, out } = await cli.run('help', ...name.split(' '));

  expect(code).toBe(0);
  expect(out).toMatch(new RegExp(`^usage: holdfast ${name}`));
  expect((await cli.run(...name.split(' '), '--help')).out).toBe(out);
});

test.for(['version', '--version'])('prints its version for %s', async (word) => {
  expect(await new CliUnderTest().run(word)).toEqual({ code: 0, out: '1.2.3\n', err: '' });
});

test.for([
  ['hold', '--help'],
  ['help', 'hold'],
])('explains all commands that begin with %s %s', async (words) => {
  const { code, out } = await new CliUnderTest().run(...words);

  expect(code).toBe(0);
  for (const name of ['hold set', 'hold release', 'hold list'])
    expect(out).toContain(`usage: holdfast ${name}`);
});

test('writes an error as JSON for a program that asked for JSON', async () => {
  const { code, out, err } = await new CliUnderTest().run('ls', 'nothing', '--json');

  expect(out).toBe('');
  expect(JSON.parse(err)).toEqual({
    error: {
      kind: 'unknown',
      name: 'UnknownNameError',
      message: expect.stringContaining('"nothing"'),
      exitCode: code,
    },
  });
});

test.for([
  [['frobnicate'], '"frobnicate" is not a command; "holdfast help" lists them'],
  [['retsore'], '"retsore" is not a command; did you mean "holdfast restore"? "holdfast help" lists them'],
  [
    ['hold', 'realease'],
    '"hold realease" is not a command; did you mean "holdfast hold release"? write "holdfast hold set" or "holdfast hold release" or "holdfast hold list"',
  ],
  [['help', 'frobnicate'], '"frobnicate" is not a command; "holdfast help" lists them'],
  [['--vault'], 'option "--vault <directory>" argument missing; "holdfast help" lists commands and options'],
  [['--frobnicate'], 'unknown option "--frobnicate"; "holdfast help" lists commands and options'],
  [['status', '--frobnicate'], 'unknown option \'--frobnicate\'; see "holdfast help status"'],
  [['runs', '--plan'], 'option \'--plan <value>\' argument missing; see "holdfast help runs"'],
  [
    ['retention', 'preview', 'daily', '--keep-days', '-5'],
    '--keep-days needs a value; write one that begins with - as --keep-days=-…, see "holdfast help retention preview"',
  ],
  [['cancel'], 'write "holdfast cancel <run>"'],
  [['restore', '--frobnicate'], 'unknown option \'--frobnicate\'; see "holdfast help restore"'],
  [['--progress', 'restore', 'a', 'b'], 'write "holdfast restore [point|resource] [options]"'],
  [['status', 'photos'], 'write "holdfast status [--check]"'],
] as const)('answers %j with 2 and what to write instead', async ([argv, message]) => {
  const cli = new CliUnderTest();

  const outcome = await cli.run(...argv);

  expect(outcome).toEqual({ code: 2, out: '', err: `holdfast: ${message}\n` });
  expect(cli.connected).toEqual([]);
});

test('takes options before the command as well as after it', async () => {
  const cli = new CliUnderTest();

  const { out } = await cli.run('--json', '--region', 'us-east-1', 'resources');

  expect(out).toBe('[]\n');
  expect(cli.connected).toEqual([
    {
      region: 'us-east-1',
      storageStack: 'HoldfastStorage',
      pipelineStack: 'HoldfastPipeline',
      monitoringStack: 'HoldfastMonitoring',
    },
  ]);
});

test('finds the deployment by flags, then by variables; an empty variable counts as none', async () => {
  const cli = new CliUnderTest();
  cli.env = {
    HOLDFAST_VAULT_BUCKET: 'from-env',
    HOLDFAST_CATALOG_TABLE: 'table',
    HOLDFAST_PIPELINE_STACK: '',
    HOLDFAST_MONITORING_STACK: 'Alarms',
    HOLDFAST_PROTECT_MACHINE: 'arn:p',
  };

  await cli.run('resources', '--vault-bucket', 'from-flag', '--storage-stack', 'Mine', '--profile', 'ops');

  expect(cli.connected).toEqual([
    {
      profile: 'ops',
      vaultBucket: 'from-flag',
      catalogTable: 'table',
      protectMachineArn: 'arn:p',
      storageStack: 'Mine',
      pipelineStack: 'HoldfastPipeline',
      monitoringStack: 'Alarms',
    },
  ]);
});

test('closes its connections, however a command ends', async () => {
  const cli = new CliUnderTest();

  await cli.run('resources');
  await cli.run('ls', 'nothing');

  expect(cli.closed).toBe(2);
});

test('prints one line for a failure, and the stack with --debug', async () => {
  const cli = new CliUnderTest();
  vi.spyOn(cli.catalog.resources, 'list').mockImplementation(() => {
    throw new StoreUnavailableError('reading the catalog did not succeed; try again later');
  });

  const plain = await cli.run('resources');
  const debug = await cli.run('resources', '--debug');

  expect(plain).toEqual({
    code: 1,
    out: '',
    err: 'holdfast: reading the catalog did not succeed; try again later\n',
  });
  expect(debug.err).toContain(plain.err);
  expect(debug.err).toMatch(/StoreUnavailableError.*\n +at /);
});

test.for([
  [
    Object.assign(new Error('Could not load'), { name: 'CredentialsProviderError' }),
    /no AWS credentials were found; .*--profile/,
  ],
  [new Error('Region is missing'), /no AWS region is set; .*--region/],
  [new TypeError('x is not a function'), /TypeError: x is not a function; run it again with --debug/],
] as const)('puts %s into words', async ([error, wanted]) => {
  const cli = new CliUnderTest();
  vi.spyOn(cli.catalog.resources, 'list').mockImplementation(() => {
    throw error;
  });

  const { code, err } = await cli.run('resources');

  expect(err).toMatch(wanted);
  expect(err.split('\n')).toHaveLength(2);
  expect(code).toBe(1);
});

test('colours what stands badly for people, and nothing for programs', async () => {
  const cli = new CliUnderTest();
  cli.hasColours = true;
  await cli.plantResource();

  const people = await cli.run('resources');
  const programs = await cli.run('resources', '--json');
  const refused = await cli.run('points', 'nothing');

  expect(people.out).toContain('<bad>unprotected</>');
  expect(programs.out).not.toContain('<bad>');
  expect(refused.err).toMatch(/^<bad>holdfast:<\/> resource "nothing"/);
});
