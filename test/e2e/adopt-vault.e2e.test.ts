import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import {
  DeleteItemCommand,
  ScanCommand,
  type AttributeValue,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { GetBucketPolicyCommand, type S3Client } from '@aws-sdk/client-s3';
import { makeClients, S3FileSource, type AwsClients } from '@holdfast/aws';
import { backUpFiles, newId, type RunId } from '@holdfast/engine';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { startEmulator, type Emulator } from '../../localstack/composition.ts';
import { deployApp, type DeployedOutputs } from '../../localstack/deploy-app.ts';
import { destroyDeployment } from '../../scripts/destroy-deployment.ts';
import { deployment } from './plans.ts';
import { findGap, testUnless } from '../support/gaps.ts';
import { holdfast } from './support/command-line.ts';
import { arnOfBucket, listPoints, newestPoint, runGoodCycle } from './support/cycles.ts';
import { assembly, openApp, plansFile } from './support/deployed.ts';
import { listVersions } from './support/list-versions.ts';
import { testBuckets, testPlans } from './support/names.ts';
import { makeTargets, restoreAndCompare } from './support/restores.ts';
import { fill, makeSource } from './support/source-buckets.ts';
import { makeWriteServices } from '../support/write-services.ts';

const bucketName = testBuckets.sources.commands;
const plan = testPlans.commands;
const noEmulator = await findGap('ownEmulator');

let emulator: Emulator;
let folder: string;

// Its own emulator: the other test files go on with the deployment that they share.
beforeAll(async () => {
  if (noEmulator !== undefined) return;
  folder = await mkdtemp(join(tmpdir(), 'holdfast-adopt-'));
  emulator = await startEmulator({ environment: { SFN_WAIT_SCALE: '0.25' } });
  for (const [name, value] of Object.entries(emulator.environment)) vi.stubEnv(name, value);
});

afterAll(async () => {
  if (noEmulator !== undefined) return;
  vi.unstubAllEnvs();
  await emulator.stop();
  await rm(folder, { recursive: true, force: true });
});

testUnless(noEmulator)(
  'a vault outlives its deployment, and its tables: a later one adopts it, both are rebuilt, and it goes on',
  async () => {
    const { environment, accountId, region } = emulator;
    const target = { environment, accountId, region, log: () => undefined };
    const clients = makeClients({ region });
    const cloudFormation = new CloudFormationClient({ region });
    const first = await deployApp({ ...target, plansFile, assembly, stacks: ['HoldfastStorage'] });
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

    const app = openApp({ ...target, outputs });
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
    const second = source.state();
    expect(await restoreAndCompare(app, next.pointId, second)).toEqual([]);

    // And the vault outlives its tables.
    for (const table of [existingVault.catalogTable, existingVault.chunkIndexTable])
      expect(await emptyTable(clients.dynamo, table)).toBeGreaterThan(0);
    expect(await listPoints(app, arnOfBucket(bucketName))).toEqual([]);
    const rebuilt = await holdfast('catalog', 'rebuild', '--json');
    expect(rebuilt.code, rebuilt.err).toBe(0);
    expect(JSON.parse(rebuilt.out)).toMatchObject({ points: 2, failures: { count: 0 }, damagedPacks: [] });
    await source.rename('after-the-adoption/a/0.txt', 'after-the-rebuild.txt');
    await runGoodCycle(app, plan, 'incremental');
    const last = await newestPoint(app, arnOfBucket(bucketName));
    // Nothing is stored twice: the index knows the chunks once more.
    expect(last).toMatchObject({ type: 'incremental', basePointId: next.pointId, counts: { newBytes: 0 } });
    for (const [point, state] of [
      [pointId, before],
      [next.pointId, second],
      [last.pointId, source.state()],
    ] as const)
      expect(await restoreAndCompare(app, point, state)).toEqual([]);
  },
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

/** Deletes every item of a table. @returns how many there were. */
async function emptyTable(dynamo: DynamoDBClient, TableName: string): Promise<number> {
  let count = 0;
  for (;;) {
    const { Items = [] } = await dynamo.send(new ScanCommand({ TableName }));
    if (Items.length === 0) return count;
    for (const { PK, SK, id } of Items) {
      const Key: Record<string, AttributeValue> = PK && SK ? { PK, SK } : id ? { id } : {};
      await dynamo.send(new DeleteItemCommand({ TableName, Key }));
      count += 1;
    }
  }
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
