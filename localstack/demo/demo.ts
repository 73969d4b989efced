import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EC2Client } from '@aws-sdk/client-ec2';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  GetScheduleCommand,
  paginateListSchedules,
  SchedulerClient,
  UpdateScheduleCommand,
} from '@aws-sdk/client-scheduler';
import { SFNClient } from '@aws-sdk/client-sfn';
import { DynamoCatalog, makeClients, SystemClock, SystemRandom } from '@holdfast/aws';
import { compactTime, newestPoints, type PointRow, type ResourceArn } from '@holdfast/engine';
import type { BackupType, RestoreInput, RestoreReport } from '@holdfast/engine/model';
import { startEmulator, type Emulator } from '../composition.ts';
import { clientConfig, deployApp, type DeployedOutputs } from '../deploy-app.ts';
import { compareBucket } from './compare-bucket.ts';
import { runExecution, waitForExecution, waitForFirstExecution } from './executions.ts';
import { printPoints, say } from './narrate.ts';
import { demoBuckets } from './plans.ts';
import { SourceBucket, type ExpectedState } from './source-objects.ts';
import { hashVolumes, type ImageState, restoreImages } from './restore-images.ts';
import { makeMachine, tagMachine, writeVolume, type SourceMachine } from './source-machine.ts';
import { VolumeBytes } from '../volume-bytes.ts';

// The main job, end to end, on one machine: see `npm run demo` in README.md. Exits with 1 if anything differs.

const here = dirname(fileURLToPath(import.meta.url));
const packages = join(here, '..', '..', 'node_modules');
const tag = { key: 'holdfast:plan', value: 'demo' } as const;
const keep = process.argv.includes('--keep');
const differences: string[] = [];

interface Scene {
  readonly emulator: Emulator;
  readonly outputs: DeployedOutputs;
  readonly s3: S3Client;
  readonly ec2: EC2Client;
  readonly sfn: SFNClient;
  readonly catalog: DynamoCatalog;
  readonly bucket: SourceBucket;
  readonly machine: SourceMachine;
}

class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
}

/** Aborted by Ctrl-C and by the first failure: what else is under way ends, and cleans up after itself. */
const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => ending.abort(new InterruptedError(signal)));
const untilEnded = new Promise<never>((_, reject) => {
  ending.signal.addEventListener('abort', () => reject(ending.signal.reason as Error), { once: true });
});
const cleanUp = new AsyncDisposableStack();
let kept: Emulator | undefined;

try {
  await Promise.race([perform(), untilEnded]);
} catch (error) {
  ending.abort(error);
  if (error instanceof InterruptedError) await leaveNothing(error);
  differences.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
}

if (differences.length === 0) say('everything came back as it was');
else
  console.error(
    `\n${differences.length} things differ:\n${differences
      .slice(0, 50)
      .map((line) => `  - ${line}`)
      .join('\n')}`,
  );
process.exitCode = differences.length === 0 ? 0 : 1;
if (keep && kept !== undefined) sayHowToLookAround(kept);
else await cleanUp.disposeAsync();

async function perform(): Promise<void> {
  const emulator = await startEmulator({
    preferredPort: 4566,
    log: (line) => say(`emulator: ${line}`),
    ec2: { snapshotMs: 3_000 },
  });
  cleanUp.defer(async () => emulator.stop());
  ending.signal.throwIfAborted();
  kept = emulator;
  // The clients that the product makes find AWS by these variables, as they would anywhere.
  Object.assign(process.env, emulator.environment);
  const scene = await setTheScene(emulator);
  const states = await backUp(scene);
  await restoreAll(scene, states);
  await tryToDelete(scene);
}

/** Cleans up without waiting for work under way, which fails by itself as AWS is gone. */
async function leaveNothing({ message }: InterruptedError): Promise<never> {
  await cleanUp.disposeAsync();
  console.error(`interrupted by ${message}; what the demo had made is removed`);
  process.exit(130);
}

async function setTheScene(aws: Emulator): Promise<Scene> {
  const config = clientConfig(aws);
  const s3 = new S3Client({ ...config, forcePathStyle: true });
  const ec2 = new EC2Client(config);
  const bucket = new SourceBucket(s3, demoBuckets.source);
  say('deploying the application; meanwhile filling a bucket and starting an instance with two volumes');
  const deploying = deployApp({
    ...aws,
    plansFile: join(here, 'plans.ts'),
    log: (line) => say(`  ${line}`),
    signal: ending.signal,
  });
  cleanUp.defer(async () => void (await Promise.allSettled([deploying])));
  const [outputs, machine] = await Promise.all([deploying, makeSources(aws, s3, ec2, bucket)]);
  const clients = makeClients({ region: aws.region, endpoint: aws.endpointUrl });
  const catalog = new DynamoCatalog(
    clients.dynamo,
    outputs['CatalogTableName'] as string,
    new SystemClock(),
    new SystemRandom(),
  );
  return { emulator: aws, outputs, s3, ec2, sfn: new SFNClient(config), catalog, bucket, machine };
}

async function makeSources(
  aws: Emulator,
  s3: S3Client,
  ec2: EC2Client,
  bucket: SourceBucket,
): Promise<SourceMachine> {
  await bucket.fill(packages, (files, bytes) => say(`  ${files} objects, ${(bytes / 1e6).toFixed(0)} MB`));
  for (const Bucket of [demoBuckets.untagged, demoBuckets.restored])
    await s3.send(new CreateBucketCommand({ Bucket }));
  const machine = await makeMachine(ec2, new VolumeBytes(aws.endpointUrl));
  await bucket.tag(tag.key, tag.value);
  await tagMachine(ec2, machine, tag.key, tag.value);
  say(
    `  tagged ${bucket.name}, ${machine.instanceId} and its volume ${machine.volumeIds[1]} with ${tag.key}=${tag.value}; ${demoBuckets.untagged} is left out`,
  );
  return machine;
}

interface States {
  readonly bucket: readonly ExpectedState[];
  readonly image: readonly ImageState[];
}

/** Runs four backup cycles with changes between them. @returns the state of the sources at each of them. */
async function backUp(scene: Scene): Promise<States> {
  const { outputs, sfn, bucket, machine, emulator: aws } = scene;
  say('waiting for the schedule to start the first cycle, a full');
  const machineArn = outputs['CycleMachineArn'] as string;
  const first = await waitForFirstExecution(sfn, machineArn, { since: new Date(), limitMs: 150_000 });
  await switchSchedulesOff(aws);
  const bytes = new VolumeBytes(aws.endpointUrl);
  const states = { bucket: [bucket.state()], image: [await hashVolumes(bytes, machine)] };
  const note = async (): Promise<void> => {
    states.bucket.push(bucket.state());
    states.image.push(await hashVolumes(bytes, machine));
  };
  await waitForExecution(sfn, first);
  await showCatalog(scene);

  const keys = [...bucket.state().keys()].filter((key) => key.startsWith('packages/'));
  say('changing 40 objects, adding 30, renaming 10, deleting 20, and writing to a volume');
  await change(bucket, keys.slice(0, 100), 'first');
  await writeVolume(bytes, machine.volumeIds[1] as string, 'volume 1, after the first change');
  await note();
  await runCycle(scene, 'incremental');

  say('changing as much again elsewhere, and writing to the other volume');
  await change(bucket, keys.slice(1_000, 1_100), 'second');
  await writeVolume(bytes, machine.volumeIds[0] as string, 'volume 0, after the second change');
  await note();
  await runCycle(scene, 'differential');

  await note();
  await runCycle(scene, 'synthetic-full');
  return states;
}

async function change(bucket: SourceBucket, keys: readonly string[], round: string): Promise<void> {
  for (const key of keys.slice(0, 40))
    await bucket.put(key, Buffer.from(`${key} as of the ${round} change\n`.repeat(50)), {
      Metadata: { round },
    });
  for (let index = 0; index < 30; index += 1)
    await bucket.put(`added/${round}/${index}.txt`, Buffer.from(`added ${index}`), {
      Tagging: `round=${round}`,
    });
  for (const key of keys.slice(40, 50)) await bucket.rename(key, `renamed/${round}/${key}`);
  for (const key of keys.slice(50, 70)) await bucket.remove(key);
}

async function runCycle(scene: Scene, type: BackupType): Promise<void> {
  say(`running a cycle: ${type}`);
  const scheduledAt = new Date();
  const cycleId = `demo-${type}-${compactTime(scheduledAt)}`;
  await runExecution(scene.sfn, scene.outputs['CycleMachineArn'] as string, cycleId, {
    plan: 'demo',
    type,
    scheduledAt: scheduledAt.toISOString(),
    cycleId,
  });
  await showCatalog(scene);
}

async function showCatalog({ catalog }: Scene): Promise<void> {
  const points: PointRow[] = [];
  for await (const { arn } of catalog.resources.list())
    points.push(...(await Array.fromAsync(catalog.points.list(arn))));
  printPoints(points.sort((a, b) => a.committedAt.getTime() - b.committedAt.getTime()));
  if (points.some(({ resourceArn }) => resourceArn.includes(demoBuckets.untagged)))
    differences.push('the untagged bucket was backed up');
}

async function restoreAll(scene: Scene, states: States): Promise<void> {
  const { s3, catalog, bucket } = scene;
  const [full, incremental, differential] = states.bucket as [ExpectedState, ExpectedState, ExpectedState];
  const arn = `arn:aws:s3:::${bucket.name}` as ResourceArn;
  const points = (await Array.fromAsync(newestPoints(catalog, arn))).toReversed();
  const [fullPoint, incrementalPoint, differentialPoint, container] = points;
  if (
    fullPoint === undefined ||
    incrementalPoint === undefined ||
    differentialPoint === undefined ||
    container === undefined
  ) {
    throw new Error(`${arn} has ${points.length} points, it should have four`);
  }
  const check = async (name: string, what: string, request: object, expected: ExpectedState) => {
    const prefix = `${name}/`;
    await restore(scene, name, { ...request, target: { bucket: demoBuckets.restored, prefix } });
    const found = await compareBucket(s3, demoBuckets.restored, prefix, expected);
    const outcome = found.length === 0 ? 'all the same' : `${found.length} DIFFER`;
    say(`  compared ${expected.size} objects: ${outcome}`);
    differences.push(...found.map((difference) => `${what}: ${difference}`));
  };

  const isDeleted = (key: string): boolean => !incremental.has(key) && key.startsWith('packages/');
  const deleted = [...full.keys()].find(isDeleted) as string;
  say(`restoring one deleted object, ${deleted}`);
  const one = { point: fullPoint.pointId, paths: [deleted] };
  await check(
    'file',
    'one object',
    one,
    pick(full, (key) => key === deleted),
  );

  say('restoring a directory as it was two points ago, by time');
  const directory = `${deleted.split('/').slice(0, 2).join('/')}/`;
  const time = new Date(incrementalPoint.sourceTime.getTime() + 1).toISOString();
  const inDirectory = pick(incremental, (key) => key.startsWith(directory));
  await check('directory', 'a directory', { resource: arn, time, paths: [directory] }, inDirectory);

  say('restoring a whole point into another bucket');
  await check('whole', 'a whole point', { point: differentialPoint.pointId }, differential);

  say('restoring a directory out of the single-file container');
  const paths = ['added/', 'renamed/'];
  const ofContainer = pick(differential, (key) => paths.some((path) => key.startsWith(path)));
  await check('container', 'the container', { point: container.pointId, paths }, ofContainer);

  await restoreMachine(scene, states.image);
}

async function restoreMachine(scene: Scene, states: readonly ImageState[]): Promise<void> {
  const { ec2, catalog, machine, emulator: aws } = scene;
  const points: PointRow[] = [];
  for await (const { arn, kind } of catalog.resources.list()) {
    if (kind === 'ebs-volume' && (await Array.fromAsync(catalog.points.list(arn))).length > 0)
      differences.push(`${arn} was backed up by itself, although its instance is`);
    if (kind === 'ec2-instance')
      points.push(...(await Array.fromAsync(newestPoints(catalog, arn))).toReversed());
  }
  const restores = {
    ec2,
    bytes: new VolumeBytes(aws.endpointUrl),
    zone: `${aws.region}a`,
    restore: async (name: string, input: RestoreInput) => {
      const { report } = (await restore(scene, name, input)) as { report: RestoreReport };
      return report;
    },
  };
  differences.push(...(await restoreImages(restores, machine, { points, states })));
}

async function restore(scene: Scene, name: string, input: unknown): Promise<unknown> {
  return runExecution(scene.sfn, scene.outputs['RestoreMachineArn'] as string, `demo-restore-${name}`, input);
}

async function tryToDelete({ s3, outputs }: Scene): Promise<void> {
  const Bucket = outputs['VaultBucketName'] as string;
  const { Versions } = await s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: 'packs/', MaxKeys: 1 }));
  const pack = Versions?.[0];
  if (pack?.Key === undefined || pack.VersionId === undefined) throw new Error('the vault has no pack');
  say(`trying to delete ${pack.Key}, version ${pack.VersionId}`);
  try {
    await s3.send(new DeleteObjectCommand({ Bucket, Key: pack.Key, VersionId: pack.VersionId }));
    differences.push(`S3 deleted the locked pack ${pack.Key}`);
  } catch (error) {
    if ((error as Error).name !== 'AccessDenied') throw error;
    say(`  refused: ${(error as Error).name}: ${(error as Error).message}`);
  }
}

function pick(state: ExpectedState, choose: (key: string) => boolean): ExpectedState {
  return new Map([...state].filter(([key]) => choose(key)));
}

async function switchSchedulesOff(aws: Emulator): Promise<void> {
  const scheduler = new SchedulerClient(clientConfig(aws));
  for await (const page of paginateListSchedules({ client: scheduler }, {})) {
    for (const { Name, GroupName } of page.Schedules ?? []) {
      if (Name?.includes('demo') !== true && GroupName?.includes('demo') !== true) continue;
      const { ScheduleExpression, ScheduleExpressionTimezone, FlexibleTimeWindow, Target } =
        await scheduler.send(new GetScheduleCommand({ Name, GroupName }));
      await scheduler.send(
        new UpdateScheduleCommand({
          Name,
          GroupName,
          ScheduleExpression,
          ScheduleExpressionTimezone,
          FlexibleTimeWindow,
          Target,
          State: 'DISABLED',
        }),
      );
    }
  }
}

function sayHowToLookAround(aws: Emulator): void {
  const variables = Object.entries(aws.environment)
    .map(([name, value]) => `export ${name}=${value}`)
    .join('\n  ');
  console.log(`
The emulator goes on until you press Ctrl-C. In another terminal:
  ${variables}
  npx holdfast status
  npx holdfast points
  aws s3 ls s3://${demoBuckets.restored}/        # if you have the AWS CLI
Data lies in ${aws.dataDir}, logs in ${aws.logPath}`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void cleanUp.disposeAsync().then(() => process.exit()));
}
