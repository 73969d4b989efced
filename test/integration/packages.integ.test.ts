import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { makeClients } from '@holdfast/aws';
import { productVersion } from '@holdfast/engine/model';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startEmulator, type Emulator } from '../../localstack/composition.ts';
import { ensureBootstrapped, type DeployedOutputs } from '../../localstack/deploy-app.ts';
import { documentedCode, documentedCommands, ownApplication } from '../support/documented-commands.ts';
import { findGap, testUnless } from '../support/gaps.ts';
import { arnOfBucket, newestPoint, runGoodCycle } from '../e2e/support/cycles.ts';
import { openApp } from '../e2e/support/deployed.ts';
import { makeSource } from '../e2e/support/source-buckets.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const noEmulator = await findGap('ownEmulator');
const source = 'my-photos';

/** What a CDK application has before Holdfast is added to it. */
const others = ['aws-cdk-lib', 'constructs', 'aws-cdk', 'typescript', '@types/node'] as const;

/** The application of README in plain JavaScript. */
const inJavaScript = (typeScript: string): string =>
  typeScript.replaceAll(/^import \{ (.*) \} from ('.*');$/gm, 'const { $1 } = require($2);');

let directory: string;
let application: string;
let emulator: Emulator;
/** Of README, by the first words of each. */
let commands: readonly string[];

beforeAll(async () => {
  if (noEmulator !== undefined) return;
  directory = await mkdtemp(join(tmpdir(), 'holdfast-packages-'));
  application = join(directory, 'application');
  await mkdir(application);
  commands = documentedCommands()
    .filter(({ text }) => ownApplication.test(text))
    .map(({ text }) => text.replaceAll('/tmp', directory));
  emulator = await startEmulator({ environment: { SFN_WAIT_SCALE: '0.25' } });
  for (const [name, value] of Object.entries(emulator.environment)) vi.stubEnv(name, value);
});

afterAll(async () => {
  if (noEmulator !== undefined) return;
  vi.unstubAllEnvs();
  await emulator.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Runs a command as somebody does who has nothing of this checkout but the packages. @returns what it printed. */
async function shell(command: string, cwd = application): Promise<string> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|CDK_|HOLDFAST_|NODE_OPTIONS)/i.test(name),
  );
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((entry) => !entry.includes('node_modules'));
  const env = {
    ...Object.fromEntries(inherited),
    ...emulator.environment,
    PATH: [dirname(process.execPath), ...path].join(delimiter),
    npm_config_prefer_offline: 'true',
    CI: 'true',
  };
  try {
    const options = { cwd, env, maxBuffer: 2 ** 26 };
    return (await run('bash', ['-euo', 'pipefail', '-c', command], options)).stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command}:\n${stdout}${stderr}`.slice(0, 6_000), { cause: error });
  }
}

function documented(start: string): string {
  const found = commands.find((command) => command.startsWith(start));
  if (found === undefined) throw new Error(`README has no command that begins with ${start}`);
  return found;
}

async function install(): Promise<void> {
  await shell(documented('npm run build'), root);
  const { dependencies, devDependencies } = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8'),
  ) as {
    readonly dependencies: Record<string, string>;
    readonly devDependencies: Record<string, string>;
  };
  const versions = { ...devDependencies, ...dependencies };
  const manifest = {
    name: 'somebody-elses',
    private: true,
    dependencies: Object.fromEntries(others.map((name) => [name, versions[name]])),
  };
  await writeFile(join(application, 'package.json'), JSON.stringify(manifest));
  await shell(documented('npm install'));
}

async function templateOf(program: string): Promise<unknown> {
  const output = join(directory, `${program}.out`);
  // Validated is what is deployed.
  await shell(`CDK_VALIDATION=false CDK_OUTDIR=${output} node ${program}`);
  return JSON.parse(await readFile(join(output, 'Backups.template.json'), 'utf8'));
}

/** The outputs of the stack, by the names that they have within the construct. */
async function readOutputs(region: string): Promise<DeployedOutputs> {
  const client = new CloudFormationClient({ region });
  const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: 'Backups' }));
  const entries = (Stacks?.[0]?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [
    OutputKey.replace(/^Backup(Storage|Monitoring)?/, '').replace(/[0-9A-F]{8}$/, ''),
    OutputValue,
  ]);
  return Object.fromEntries(entries) as DeployedOutputs;
}

testUnless(noEmulator)(
  'both packages are installed from their tarballs, and an application with the construct is deployed and backs up',
  async () => {
    await install();
    const [typeScript = ''] = documentedCode('ts').filter((code) => code.includes('@holdfast/cdk'));
    await writeFile(join(application, 'app.ts'), typeScript);
    await writeFile(join(application, 'app.js'), inJavaScript(typeScript));

    await shell('npx tsc --noEmit --strict --module nodenext --target esnext app.ts');
    const template = await templateOf('app.ts');
    expect(await templateOf('app.js')).toEqual(template);

    const { region } = emulator;
    await ensureBootstrapped(new CloudFormationClient({ region }));
    await writeFile(join(application, 'cdk.json'), JSON.stringify({ app: 'node app.ts' }));
    await shell(`${documented('npx cdk deploy')} --require-approval never`);
    const clients = makeClients({ region });
    await makeSource({ s3: clients.s3 }, source, { plan: 'daily', objects: 5 });
    const app = openApp({ ...emulator, outputs: await readOutputs(region) });
    await runGoodCycle(app, 'daily', 'full');

    expect(await shell(documented('npx holdfast status'))).toContain('1 protected, 0 degraded');
    const doctor = documented('npx holdfast status').replace('status', 'doctor --templates cdk.out --json');
    // Alarms that nobody subscribed to need attention.
    expect(JSON.parse(await shell(`${doctor} || [ $? -eq 1 ]`))).toMatchObject({
      stacks: [{ stack: 'Backups', refused: [], changes: [] }],
    });
    expect(await newestPoint(app, arnOfBucket(source))).toMatchObject({ type: 'full', plan: 'daily' });
    expect((await shell('npx holdfast --version')).trim()).toBe(productVersion);
    expect(await readFile(join(application, 'node_modules/@holdfast/cdk/package.json'), 'utf8')).toContain(
      `"version": "${productVersion}"`,
    );
  },
);

test("the documented commands for an application of one's own are all run here", () => {
  expect(commands.map((command) => command.split(' ').slice(0, 2).join(' '))).toEqual([
    'npm run',
    'npm install',
    'npx cdk',
    'npx holdfast',
  ]);
});
