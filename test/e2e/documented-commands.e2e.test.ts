import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DeleteTagsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { GetBucketTaggingCommand, GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeMachine, type SourceMachine } from '../../localstack/demo/source-machine.ts';
import { VolumeBytes } from '../../localstack/volume-bytes.ts';
import { describeUnless, findGap } from '../support/gaps.ts';
import { awsCliVariables } from './support/aws-cli/aws-cli.ts';
import { holdfast } from './support/command-line.ts';
import { arnOfBucket, listPoints, runGoodCycle } from './support/cycles.ts';
import { openApp } from './support/deployed.ts';
import {
  documentedCommands,
  ownApplication,
  wordsOf,
  type DocumentedCommand,
} from '../support/documented-commands.ts';
import { testBuckets, testPlans } from './support/names.ts';
import { makeTargets } from './support/restores.ts';
import { makeSource, untag } from './support/source-buckets.ts';

const run = promisify(execFile);
const app = openApp();
const noGateway = await findGap('gateway');
const { documents } = testBuckets.sources;

/** Commands that other tests run, or that are the test run itself. */
const elsewhere: readonly (readonly [command: RegExp, where: string])[] = [
  [/^npm (ci|test)\b/, 'the gate, and the main job as main-job.e2e.test.ts has it'],
  [/^npx cdk (bootstrap|deploy --all)/, 'the global setup, with all these options'],
  [/^npx cdk synth/, 'CDK itself; earlier-deployment.test.ts compares with the templates of before'],
  [/^aws cloudformation set-stack-policy/, 'CloudFormation itself: an emulator keeps no such policy'],
  [ownApplication, 'test/integration/packages.integ.test.ts'],
  [/^npm run destroy/, 'test/infra/destroy-deployment.test.ts'],
  [
    /--offline-key|offline-private\.pem|"offline"|holdfast\/1 offline key/,
    'test/compat/documented-openssl.test.ts, and extract.test.ts of the command line',
  ],
  [/--profile recovery/, 'dead-product.integ.test.ts: the volume is read and written by two accounts there'],
  [/--profile restorer/, 'asked-credentials.test.ts of the command line: nobody can be asked here'],
  [/^(npx )?holdfast doctor/, 'command-line.e2e.test.ts, and doctor.test.ts of the command line'],
  [/^aws iam put-role-policy/, 'command-line.e2e.test.ts, which puts the same document back'],
  [
    /--to-original .*--delete-extra/,
    'command-line.e2e.test.ts: nobody can be asked here, and no bucket has versions',
  ],
  [/^holdfast failures <execution>/, 'restore-failures.test.ts of the command line: nothing fails here'],
];

const commands = documentedCommands().filter(({ text }) => !elsewhere.some(([known]) => known.test(text)));
const optsIn = ({ text }: DocumentedCommand): boolean =>
  /^aws (ec2 create-tags|s3api put-bucket-abac|s3control)/.test(text);
let machine: SourceMachine;
let directory: string;
let variables: Readonly<Record<string, string>>;

/** A wrapped data key of the vault. */
interface KeyFile {
  readonly vaultId: string;
  readonly keyId: string;
  readonly purpose: string;
  readonly wrapped: readonly { readonly recipient: string; readonly wrappingKey?: string }[];
}

async function getDataKey(): Promise<KeyFile> {
  const { Contents = [] } = await app.s3.send(
    new ListObjectsV2Command({ Bucket: app.vaultBucket, Prefix: 'keys/' }),
  );
  for (const { Key } of Contents) {
    const { Body } = await app.s3.send(new GetObjectCommand({ Bucket: app.vaultBucket, Key }));
    const file = JSON.parse((await Body?.transformToString()) ?? '') as KeyFile;
    if (file.purpose === 'data') return file;
  }
  throw new Error(`the vault has no data key among ${Contents.length} key files`);
}

/** What stands in the pages for something of the reader's own, and what that is here. */
async function substitutions(): Promise<readonly (readonly [string, string])[]> {
  const [first, second] = await listPoints(app, arnOfBucket(documents));
  const { vaultId, keyId, wrapped } = await getDataKey();
  const now = new Date().toISOString();
  return [
    ['20260301T020000Z', first?.pointId ?? 'no first point'],
    ['20260302T020000Z', second?.pointId ?? 'no second point'],
    ['20261122T02', first?.pointId ?? 'no first point'],
    ['20261123T02', second?.pointId ?? 'no second point'],
    ['2026-03-01T12:00:00Z', now],
    ['--time 2026-11-20', `--time ${now}`],
    ['--from 2026-11-01', '--from 2020-11-01'],
    ['@2026-11-22 ', `@${now} `],
    ['--out audit-2026', `--out ${join(directory, 'audit')}`],
    ['to-bucket rescue', `to-bucket ${testBuckets.restored}`],
    ['s3://my-vault', `s3://${app.vaultBucket}`],
    ['<vault>', app.vaultBucket],
    ['<vaultId>', vaultId],
    ['<keyId>', keyId],
    ['<wrappingKey>', wrapped.find(({ recipient }) => recipient === 'kms')?.wrappingKey ?? 'no key'],
    ['<RestorerRoleArn>', app.outputs['RestorerRoleArn'] ?? 'no role'],
    ['<ARN of your MFA device>', `arn:aws:iam::${app.accountId}:mfa/me`],
    ['<code>', '123456'],
    ['us-east-1a', `${app.region}a`],
    ['--plan daily', `--plan ${testPlans.documents}`],
    ['preview daily', `preview ${testPlans.documents}`],
    [' photos', ` ${documents}`],
    ...ownResources(),
    ['./', `${directory}/`],
  ];
}

/** What the reader opts in. */
function ownResources(): readonly (readonly [string, string])[] {
  return [
    ['123456789012', app.accountId],
    ['my-photos', documents],
    ['my-restores', testBuckets.restored],
    ['i-0123456789abcdef0', machine.instanceId],
    ['Value=daily', `Value=${testPlans.documents}`],
  ];
}

/** Runs a command as its page has it, with a reader's own names. Anything but success fails the test. */
async function runAsDocumented(
  { text }: DocumentedCommand,
  names: readonly (readonly [string, string])[],
): Promise<void> {
  const command = names.reduce((line, [theirs, ours]) => line.replaceAll(theirs, ours), text);
  const [, argv, filter] = /^(?:npx )?holdfast (.*?)(?: \| (jq .*))?$/.exec(command) ?? [];
  if (argv === undefined) {
    await runInShell(command);
    return;
  }
  const { code, out, err } = await holdfast(...wordsOf(argv));
  expect({ command, code, err }).toEqual({ command, code: 0, err: expect.any(String) });
  // A field that is not there would be `null`.
  if (filter !== undefined) expect(await runInShell(filter, out)).not.toContain('null');
}

async function runInShell(command: string, input = ''): Promise<string> {
  const env = { ...process.env, ...variables };
  const running = run('bash', ['-euo', 'pipefail', '-c', command], { cwd: directory, env });
  running.child.stdin?.end(input);
  return (await running).stdout;
}

beforeAll(async () => {
  if (noGateway !== undefined) return;
  directory = await mkdtemp(join(tmpdir(), 'holdfast-documented-'));
  variables = await awsCliVariables(directory, app.environment['AWS_ENDPOINT_URL'] ?? '');
  await mkdir(join(directory, 'album'));
  await writeFile(join(directory, 'album', 'a.jpg'), 'a picture');
  await makeTargets(app);
  const bucket = await makeSource(app, documents, { plan: 'nobody', objects: 5 });
  await untag(app, documents);
  for (const key of ['2026/february/a.txt', 'index.html', 'budget.xlsx', 'invoice-7.pdf'])
    await bucket.put(key, Buffer.from(key));
  machine = await makeMachine(new EC2Client({}), new VolumeBytes(app.environment['AWS_ENDPOINT_URL'] ?? ''));
});

afterAll(async () => {
  if (noGateway !== undefined) return;
  await rm(directory, { recursive: true, force: true });
  const tags = [{ Key: 'holdfast:plan' }];
  await new EC2Client({}).send(new DeleteTagsCommand({ Resources: [machine.instanceId], Tags: tags }));
});

describeUnless(noGateway)('the commands of README and docs', () => {
  test('opt a bucket and an instance in', async () => {
    for (const command of commands.filter(optsIn)) await runAsDocumented(command, ownResources());
    await runGoodCycle(app, testPlans.documents, 'full');
    // The second as a person starts it.
    const started = await holdfast('cycle', 'start', testPlans.documents, '--wait');
    expect(started).toMatchObject({ code: 0, out: expect.stringMatching(/^protected +2 resources/) });

    expect(await listPoints(app, arnOfBucket(documents))).toHaveLength(2);
    const { TagSet } = await app.s3.send(new GetBucketTaggingCommand({ Bucket: documents }));
    expect(TagSet).toEqual([{ Key: 'holdfast:plan', Value: testPlans.documents }]);
  });

  test.for(commands.filter((command) => !optsIn(command)).map(({ page, text }) => [page, text] as const))(
    '%s: %s',
    async ([page, text]) => {
      await runAsDocumented({ page, text }, await substitutions());
    },
  );
});
