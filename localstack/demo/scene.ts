import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EC2Client } from '@aws-sdk/client-ec2';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { DynamoCatalog, makeClients, SystemClock, SystemRandom } from '@holdfast/aws';
import type { Emulator } from '../composition.ts';
import { clientConfig, deployApp, type DeployedOutputs } from '../deploy-app.ts';
import { runHoldfast } from '../run-holdfast.ts';
import { VolumeBytes } from '../volume-bytes.ts';
import { begin, say, show } from './narrate.ts';
import { demoBuckets } from './plans.ts';
import type { Proof } from './proof.ts';
import { makeMachine, type SourceMachine } from './source-machine.ts';
import { hostileNames, printable, SourceBucket } from './source-objects.ts';

const here = dirname(fileURLToPath(import.meta.url));
const packages = join(here, '..', '..', 'node_modules');

/** All that the acts of the demo play with. */
export interface Scene {
  readonly emulator: Emulator;
  readonly outputs: DeployedOutputs;
  readonly s3: S3Client;
  readonly ec2: EC2Client;
  readonly sfn: SFNClient;
  readonly catalog: DynamoCatalog;
  readonly bucket: SourceBucket;
  readonly machine: SourceMachine;
  readonly proof: Proof;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

/** Deploys the application, and meanwhile makes what it is to protect. */
export async function setTheScene(
  emulator: Emulator,
  proof: Proof,
  signal: AbortSignal,
  atTheEnd: (cleanUp: () => Promise<void>) => void,
): Promise<Scene> {
  const config = clientConfig(emulator);
  const s3 = new S3Client({ ...config, forcePathStyle: true });
  const ec2 = new EC2Client(config);
  const bucket = new SourceBucket(s3, demoBuckets.source);
  begin(
    'deploying the application; meanwhile filling a bucket and starting an instance with two volumes',
    'it is deployed as into an account, by the command line of the CDK',
  );
  const deploying = deployApp({
    ...emulator,
    plansFile: join(here, 'plans.ts'),
    log: (line) => say(`  ${line}`),
    signal,
  });
  atTheEnd(async () => void (await Promise.allSettled([deploying])));
  const [outputs, machine] = await Promise.all([deploying, makeSources(emulator, s3, ec2, bucket)]);
  const clients = makeClients({ region: emulator.region, endpoint: emulator.endpointUrl });
  const catalog = new DynamoCatalog(
    clients.dynamo,
    outputs['CatalogTableName'] as string,
    new SystemClock(),
    new SystemRandom(),
  );
  const sfn = new SFNClient(config);
  return { emulator, outputs, s3, ec2, sfn, catalog, bucket, machine, proof, signal };
}

async function makeSources(
  emulator: Emulator,
  s3: S3Client,
  ec2: EC2Client,
  bucket: SourceBucket,
): Promise<SourceMachine> {
  await bucket.fill(packages, (files, bytes) => say(`  ${files} objects, ${(bytes / 1e6).toFixed(0)} MB`));
  say(`  among them, with tags such as "rm -rf /": ${hostileNames.map(printable).join('  ')}`);
  for (const Bucket of [demoBuckets.untagged, demoBuckets.restored])
    await s3.send(new CreateBucketCommand({ Bucket }));
  return makeMachine(ec2, new VolumeBytes(emulator.endpointUrl));
}

/** Types a command of the program and shows what it prints. @returns whether it ended well. */
export async function typeCommand(
  { signal }: Pick<Scene, 'signal'>,
  ...argv: readonly string[]
): Promise<boolean> {
  say(`  $ holdfast ${argv.join(' ')}`);
  const { code, out, err } = await runHoldfast(argv, signal);
  show(`${out}${err}`);
  return code === 0;
}
