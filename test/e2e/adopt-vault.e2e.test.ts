import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { GetBucketPolicyCommand, type S3Client } from '@aws-sdk/client-s3';
import { makeClients, makeWriteServices, S3FileSource, type AwsClients } from '@holdfast/aws';
import { backUpFiles, newId, type RunId } from '@holdfast/engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEmulator, type Emulator } from '../../localstack/composition.ts';
import { deployApp, type DeployedOutputs } from '../../localstack/deploy-app.ts';
import { destroyDeployment } from '../../scripts/destroy-deployment.ts';
import { deployment } from './plans.ts';
import { canStartEmulator } from './support/conditions.ts';
import { arnOfBucket, newestPoint, runGoodCycle } from './support/cycles.ts';
import { openApp, plansFile } from './support/deployed.ts';
import { listVersions } from './support/list-versions.ts';
import { testBuckets, testPlans } from './support/names.ts';
import { makeTargets, restoreAndCompare } from './support/restores.ts';
import { fill, makeSource } from './support/source-buckets.ts';

const bucketName = testBuckets.sources.commands;
const plan = testPlans.commands;

let emulator: Emulator;
let folder: string;

// Its own emulator: the other test files go on with the deployment that they share.
beforeAll(async () => {
  if (!canStartEmulator) return;
  folder = await mkdtemp(join(tmpdir(), 'holdfast-adopt-'));
  emulator = await startEmulator({ environment: { SFN_WAIT_SCALE: '0.25' } });
  Object.assign(process.env, emulator.environment);
});

afterAll(async () => {
  if (!canStartEmulator) return;
  await emulator.stop();
  await rm(folder, { recursive: true, force: true });
});

test.runIf(canStartEmulator)(
  'a vault outlives its deployment: a later one adopts it, restores its points and builds on them',
  async () => {
    const { environment, accountId, region } = emulator;
    const target = { environment, accountId, region, log: () => undefined };
    const clients = makeClients({ region });
    const cloudFormation = new CloudFormationClient({ region });
    const first = await deployApp({ ...target, plansFile, stacks: ['HoldfastStorage'] });
    const source = await makeSource({ s3: clients.s3 }, bucketName, { plan, objects: 12 });
    const pointId = await backUpInto(first, clients);
    const before = source.state();
    const vaultBucket = first['VaultBucketName'] ?? '';
    const stored = await listVersions(clients.s3, vaultBucket);
    const oldPolicy = await findPolicy(clients.s3, vaultBucket);

    const printed: string[] = [];
    await destroyDeployment({
      cloudFormation,
      confirm: async () => Promise.resolve(true),
      log: (line) => printed.push(line),
    });

    const existingVault = {
      bucketName: vaultBucket,
      keyArn: first['KeyArn'] ?? '',
      catalogTable: first['CatalogTableName'] ?? '',
      chunkIndexTable: first['ChunkIndexTableName'] ?? '',
    };
    for (const [name, value] of Object.entries(existingVault))
      expect(printed.at(-1)).toContain(`${name}: '${value}'`);
    expect(await findPolicy(clients.s3, vaultBucket)).toBeUndefined();
    expect(await listVersions(clients.s3, vaultBucket)).toEqual(stored);

    const outputs = await deployApp({ ...target, plansFile: await writePlans(existingVault) });

    const app = openApp({ ...target, outputs, gatewayDataDir: undefined, isMinistack: true });
    expect(app.vaultBucket).toBe(vaultBucket);
    const policy = await findPolicy(clients.s3, vaultBucket);
    expect(sidsOf(policy)).toEqual(sidsOf(oldPolicy));
    expect(sidsOf(policy)).toContain('NobodyBypassesLocks');
    // The roles of the first deployment are gone: a policy that named others than the second's would let nobody write.
    const roles = await rolesOfStorage(cloudFormation);
    const named = rolesOf(policy);
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((role) => !roles.includes(role))).toEqual([]);

    await makeTargets(app);
    expect(await restoreAndCompare(app, pointId, before)).toEqual([]);
    await fill(source, 'after-the-adoption', 5);
    await runGoodCycle(app, plan, 'incremental');
    const next = await newestPoint(app, arnOfBucket(bucketName));
    expect(next).toMatchObject({ type: 'incremental', basePointId: pointId });
    expect(await restoreAndCompare(app, next.pointId, source.state())).toEqual([]);
  },
  // Two deployments, on a machine that may be busy.
  600_000,
);

/** One full, without the pipeline: what matters is what it leaves in vault, tables and key. */
async function backUpInto(outputs: DeployedOutputs, clients: AwsClients): Promise<string> {
  const services = makeWriteServices(clients, {
    vaultBucket: outputs['VaultBucketName'] ?? '',
    kmsKeyArn: outputs['KeyArn'] ?? '',
    workBucket: outputs['WorkBucketName'] ?? '',
    catalogTable: outputs['CatalogTableName'] ?? '',
    chunkIndexTable: outputs['ChunkIndexTableName'] ?? '',
    lockMode: 'governance',
  });
  const request = {
    runId: newId<RunId>(services.random),
    resourceArn: arnOfBucket(bucketName),
    resourceKind: 's3-bucket',
    plan,
    type: 'full',
    keepDays: 2,
    readTags: true,
  } as const;
  const source = new S3FileSource(clients.s3, bucketName, services.clock, services.random);
  return (await backUpFiles(services, request, { source })).root.point;
}

/** A plans file with one plan, whose schedules are not due, and a vault that is there already. */
async function writePlans(existingVault: Readonly<Record<string, string>>): Promise<string> {
  const plans = deployment.plans.filter(({ name }) => name === plan);
  const file = join(folder, 'plans.mjs');
  await writeFile(
    file,
    `export const deployment = ${JSON.stringify({ ...deployment, plans, existingVault })};\n`,
  );
  return file;
}

async function findPolicy(s3: S3Client, Bucket: string): Promise<string | undefined> {
  try {
    return (await s3.send(new GetBucketPolicyCommand({ Bucket }))).Policy;
  } catch (error) {
    if ((error as Error).name === 'NoSuchBucketPolicy') return undefined;
    throw error;
  }
}

function sidsOf(policy: string | undefined): string[] {
  const { Statement } = JSON.parse(policy ?? '{"Statement":[]}') as { Statement: { Sid?: string }[] };
  return Statement.map(({ Sid }) => Sid ?? '').sort();
}

/** Roles of HoldfastStorage that a policy names. */
function rolesOf(policy = ''): string[] {
  return [...new Set(policy.match(/HoldfastStorage-[\w-]+/g) ?? [])];
}

/** Roles that HoldfastStorage has. */
async function rolesOfStorage(client: CloudFormationClient): Promise<string[]> {
  const roles: string[] = [];
  for await (const page of paginateListStackResources({ client }, { StackName: 'HoldfastStorage' })) {
    for (const { ResourceType, PhysicalResourceId } of page.StackResourceSummaries ?? [])
      if (ResourceType === 'AWS::IAM::Role' && PhysicalResourceId !== undefined)
        roles.push(PhysicalResourceId);
  }
  return roles;
}
