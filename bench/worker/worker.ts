// npm run bench:worker [-- --data=small,large] [--memory=885,1769] [--waits=0,150] [--rounds=3] [--quick] [--publish]
// Measures one protect worker on the shape of its Lambda function; see docs/scale.md.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { makeClients } from '@holdfast/aws';
import { newId } from '@holdfast/engine';
import type { ProtectInput } from '@holdfast/engine/model';
import { systemRandom } from '@holdfast/node';
import { startEmulator } from '../../localstack/composition.ts';
import { medianOf, sumOf } from '../child.ts';
import { scratchDirectory } from '../programs.ts';
import { limits } from '../scale/limits.ts';
import { BucketFront } from './bucket-front.ts';
import { makeObjects, objectSetNames, type Objects, type ObjectSetName } from './objects.ts';
import { makePlace, planName } from './place.ts';
import { makeShape, processorMegabytes } from './function-shape.ts';
import { publishWorker, workerTable, type WorkerFigures } from './report-worker.ts';
import type { FunctionReport } from './run-function.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: objectSetNames.join(',') },
    memory: { type: 'string', default: '512,885,1769,3008' },
    waits: { type: 'string', default: `0,${limits.getMs.value}` },
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    publish: { type: 'boolean', default: false },
  },
});
if (values.quick && values.publish)
  throw new Error('--quick measures too little to be published; leave one of them out');
const wantedSets = objectSetNames.filter((name) => values.data.split(',').includes(name));
const memories = values.memory.split(',').map(Number);
const waits = values.waits.split(',').map(Number);
const rounds = values.quick ? 1 : Number(values.rounds);

const hasTwoProcessors = availableParallelism() >= 2;
if (hasTwoProcessors) execFileSync('taskset', ['-acp', '1', String(process.pid)]);
else console.error('there is one processor, which the emulator shares: wall times say little');

const scratch = join(scratchDirectory, `worker-${process.pid}`);
mkdirSync(scratch, { recursive: true });
const handlers = join(scratch, 'handlers');
execFileSync(process.execPath, [
  join(import.meta.dirname, '..', '..', 'scripts', 'bundle-handlers.mjs'),
  handlers,
]);
const emulator = await startEmulator();
const { endpointUrl: endpoint, region } = emulator;
Object.assign(process.env, emulator.environment);
const clients = makeClients({ endpoint, region });
const front = await BucketFront.start({ upstreamUrl: endpoint, scratch });
try {
  const figures: WorkerFigures[] = [];
  for (const set of wantedSets) {
    const objects = makeObjects(set, values.quick);
    for (const waitMs of waits)
      for (const memoryMegabytes of memories)
        figures.push(await measure(set, objects, waitMs, memoryMegabytes));
  }
  console.log(workerTable(figures));
  const machine = `${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`;
  if (values.publish) publishWorker(figures, machine);
} finally {
  front.close();
  clients.destroy();
  await emulator.stop();
  rmSync(scratch, { recursive: true, force: true });
}

/** The median of some rounds, figure by figure; each is a first backup into a new vault. */
async function measure(
  set: ObjectSetName,
  objects: Objects,
  waitMs: number,
  memoryMegabytes: number,
): Promise<WorkerFigures> {
  const reports: FunctionReport[] = [];
  for (let round = 0; round < rounds; round++)
    reports.push(await protectOnce(objects, waitMs, memoryMegabytes));
  const bytes = sumOf([...objects.values()].map(({ length }) => length));
  const median = (figure: 'seconds' | 'cpuSeconds' | 'peakBytes'): number =>
    medianOf(reports.map((report) => report[figure]));
  const [seconds, cpuSeconds, peakBytes] = [median('seconds'), median('cpuSeconds'), median('peakBytes')];
  console.error(
    `${set}, ${waitMs} ms, ${memoryMegabytes} MB: ${(bytes / 1e6 / seconds).toFixed(1)} MB/s, ` +
      `${cpuSeconds.toFixed(1)} of ${seconds.toFixed(1)} s CPU, ${(peakBytes / 1e6).toFixed(0)} MB`,
  );
  return { set, objects: objects.size, bytes, waitMs, memoryMegabytes, seconds, cpuSeconds, peakBytes };
}

async function protectOnce(
  objects: Objects,
  waitMs: number,
  memoryMegabytes: number,
): Promise<FunctionReport> {
  const place = await makePlace(clients);
  front.serve({
    objects,
    waitMs: 0,
    sourceBucket: place.sourceBucket,
    vaultBucket: place.variables.VAULT_BUCKET,
  });
  const runId = newId(systemRandom);
  const resourceArn = `arn:aws:s3:::${place.sourceBucket}`;
  const opening = {
    resourceArn,
    kind: 's3-bucket',
    plan: planName,
    type: 'full',
    runId,
  } satisfies ProtectInput;
  await callFunction('open-run', place.variables, [opening]);
  const { outputs } = await callFunction('list-shards', place.variables, [{ runId }]);
  const [{ shards }] = outputs as [{ shards: { bucket: string; key: string } }];
  const list = await clients.s3.send(new GetObjectCommand({ Bucket: shards.bucket, Key: shards.key }));
  const events = (JSON.parse((await list.Body?.transformToString()) ?? '[]') as unknown[]).map((shard) => ({
    runId,
    shard,
  }));
  front.serve({
    objects,
    waitMs,
    sourceBucket: place.sourceBucket,
    vaultBucket: place.variables.VAULT_BUCKET,
  });
  return callFunction('protect-shard', place.variables, events, memoryMegabytes);
}

/** Calls a function of the protect machine in a process of its own, on the first processor, with its share of it. */
async function callFunction(
  step: string,
  variables: Readonly<Record<string, string>>,
  events: readonly unknown[],
  memoryMegabytes = processorMegabytes,
): Promise<FunctionReport> {
  const [eventsFile, reportFile] = [join(scratch, 'events.json'), join(scratch, 'report.json')];
  writeFileSync(eventsFile, JSON.stringify(events));
  const shape = makeShape(memoryMegabytes);
  if (shape === undefined && memoryMegabytes !== processorMegabytes)
    throw new Error(`this user may make no control group, so nothing has the shape of ${memoryMegabytes} MB`);
  const pin = hasTwoProcessors ? `taskset -c ${memoryMegabytes > processorMegabytes ? '0,1' : '0'} ` : '';
  const program = join(import.meta.dirname, 'run-function.ts');
  const command = `${pin}${process.execPath} ${nodeOptions(memoryMegabytes).join(' ')} ${program} ${join(handlers, 'protect.mjs')} ${eventsFile} ${reportFile}`;
  try {
    await new Promise<void>((resolve, reject) => {
      const child = spawn('sh', ['-c', shape?.around(command) ?? `exec ${command}`], {
        env: {
          ...process.env,
          ...variables,
          STEP: step,
          AWS_ENDPOINT_URL: front.url,
          AWS_ENDPOINT_URL_S3: front.url,
          NODE_EXTRA_CA_CERTS: front.certificate,
        },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      child.once('error', reject);
      child.once('close', (code) =>
        code === 0 ? resolve() : reject(new Error(`the function ${step} ended with ${code}`)),
      );
    });
  } finally {
    shape?.end();
  }
  return JSON.parse(readFileSync(reportFile, 'utf8')) as FunctionReport;
}

/** As Lambda starts Node: its shares of the memory are those of a public copy of the runtime's start script. */
function nodeOptions(memoryMegabytes: number): readonly string[] {
  const share = (percent: number): number => Math.floor((memoryMegabytes * percent) / 100);
  return [`--max-semi-space-size=${share(5)}`, `--max-old-space-size=${share(90)}`];
}
