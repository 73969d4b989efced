import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStacksCommand,
  waitUntilStackCreateComplete,
} from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { completeDeployment } from './deployment-completion.ts';

const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const bootstrapStack = 'CDKToolkit';
const stackNames = ['HoldfastStorage', 'HoldfastPipeline', 'HoldfastMonitoring'] as const;

export interface DeployOptions {
  /** The variables of `Emulator.environment`. */
  readonly environment: Readonly<Record<string, string>>;
  readonly plansFile: string;
  readonly accountId: string;
  readonly region: string;
  readonly log: (line: string) => void;
  /** Ends the command line and all that it has started. */
  readonly signal?: AbortSignal | undefined;
  /** Only these, without what depends on them. @default all */
  readonly stacks?: readonly (typeof stackNames)[number][];
  /** Folder in which the application is synthesized already, with the same plans, account and region. @default it is synthesized */
  readonly assembly?: string | undefined;
  /** Folder that keeps what is synthesized. @default it is removed */
  readonly output?: string;
}

export type DeployedOutputs = Readonly<Record<string, string>>;

/**
 * Deploys the synthesized application with the CDK command line, exactly as into an account, and then sets what the
 * emulator's CloudFormation leaves out. Can be called again after a change.
 * @throws {@link Error} the command line failed, its output is in the message; or the stack of the bootstrap did.
 */
export async function deployApp(options: DeployOptions): Promise<DeployedOutputs> {
  const { plansFile, accountId, region, log, signal, stacks, assembly } = options;
  const clients = {
    cloudFormation: new CloudFormationClient(clientConfig(options)),
    s3: new S3Client({ ...clientConfig(options), forcePathStyle: true }),
    dynamoDb: new DynamoDBClient(clientConfig(options)),
  };
  const temporary = await mkdtemp(join(tmpdir(), 'holdfast-cdk-'));
  const output = options.output ?? temporary;
  try {
    const context = ['-c', `plans=${plansFile}`, '-c', `account=${accountId}`, '-c', `region=${region}`];
    const application = assembly === undefined ? ['--output', output, ...context] : ['--app', assembly];
    await ensureBootstrapped(clients.cloudFormation, log, signal);
    const which = stacks ?? ['--all'];
    log(`cdk deploy ${which.join(' ')}`);
    await cdk(['deploy', ...which, '--require-approval', 'never', ...application], options);
    for (const stackName of stacks ?? stackNames) {
      const template: unknown = JSON.parse(
        await readFile(join(assembly ?? output, `${stackName}.template.json`), 'utf8'),
      );
      for (const line of await completeDeployment({ stackName, template }, clients)) log(line);
    }
    return await readOutputs(clients.cloudFormation, stacks ?? stackNames);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/**
 * Deploys the CDK command line's own template for what deploys with it, unless that is there; as the command line would,
 * without two seconds of the processor for another start of it.
 * @see https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
 */
export async function ensureBootstrapped(
  client: CloudFormationClient,
  log: (line: string) => void = () => undefined,
  abortSignal?: AbortSignal,
): Promise<void> {
  const { Stacks = [] } = await client.send(new DescribeStacksCommand({}));
  if (Stacks.some(({ StackName }) => StackName === bootstrapStack)) return;
  log('bootstrapping for the CDK');
  const templates = join(projectRoot, 'node_modules', 'aws-cdk', 'lib', 'api', 'bootstrap');
  await client.send(
    new CreateStackCommand({
      StackName: bootstrapStack,
      TemplateBody: await readFile(join(templates, 'bootstrap-template.yaml'), 'utf8'),
      Capabilities: ['CAPABILITY_NAMED_IAM'],
      Parameters: [{ ParameterKey: 'FileAssetsBucketKmsKeyId', ParameterValue: 'AWS_MANAGED_KEY' }],
    }),
    { abortSignal },
  );
  const patience = { client, abortSignal, minDelay: 1, maxDelay: 5, maxWaitTime: 600 };
  await waitUntilStackCreateComplete(patience, { StackName: bootstrapStack });
}

async function readOutputs(
  cloudFormation: CloudFormationClient,
  stacks: readonly string[],
): Promise<DeployedOutputs> {
  const outputs: Record<string, string> = {};
  for (const StackName of stacks) {
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName }));
    for (const { OutputKey, OutputValue } of Stacks?.[0]?.Outputs ?? []) {
      if (OutputKey !== undefined && OutputValue !== undefined) outputs[OutputKey] = OutputValue;
    }
  }
  return outputs;
}

export function clientConfig({ environment, region }: Pick<DeployOptions, 'environment' | 'region'>) {
  return {
    region,
    endpoint: environment['AWS_ENDPOINT_URL'] as string,
    credentials: {
      accessKeyId: environment['AWS_ACCESS_KEY_ID'] as string,
      secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] as string,
    },
  };
}

async function cdk(args: readonly string[], { environment, signal }: DeployOptions): Promise<void> {
  signal?.throwIfAborted();
  const bin = join(projectRoot, 'node_modules', '.bin');
  const child = spawn(join(bin, 'cdk'), [...args, '--ci'], {
    cwd: projectRoot,
    env: {
      ...process.env,
      ...environment,
      PATH: `${bin}:${process.env['PATH'] ?? ''}`,
      CI: 'true',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: what the command line starts ends with it.
    detached: true,
  });
  const end = (): void => endGroup(child.pid);
  signal?.addEventListener('abort', end);
  process.once('exit', end);
  const lines: string[] = [];
  child.stdout.on('data', (data: Buffer) => lines.push(data.toString()));
  child.stderr.on('data', (data: Buffer) => lines.push(data.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  signal?.removeEventListener('abort', end);
  process.off('exit', end);
  signal?.throwIfAborted();
  if (code !== 0)
    throw new Error(`cdk ${args.join(' ')} failed with exit code ${code}:\n${lines.join('').slice(-6_000)}`);
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGTERM');
  } catch (error) {
    // It has ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
