import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  PutBucketAbacCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { startEmulator } from '../localstack/composition.ts';
import { clientConfig, deployApp } from '../localstack/deploy-app.ts';
import { runHoldfast } from '../localstack/run-holdfast.ts';
import { asIfAlways, recordedCommands, recordedDeletion, typed } from './recorded-commands.ts';
import { terminalPicture } from './terminal-picture.ts';

// `npm run recording`: deploys to the emulator, types the commands, and writes docs/pictures/terminal.txt and .svg.

const pictures = join(import.meta.dirname, '..', 'docs', 'pictures');
const places = ['beach', 'castle', 'dinner', 'garden', 'harbour', 'museum', 'station', 'tower'];
const plans = `export const deployment = {
  plans: [{ name: 'daily', schedules: { incremental: 'cron(0 2 ? * * *)' }, retention: { keepDays: 30 } }],
  restoreTargets: { buckets: ['my-restores'] },
};
`;

const directory = await mkdtemp(join(tmpdir(), 'holdfast-recording-'));
const emulator = await startEmulator({ log: console.error });
try {
  Object.assign(process.env, emulator.environment);
  const plansFile = join(directory, 'plans.ts');
  await writeFile(plansFile, plans);
  await deployApp({ ...emulator, plansFile, log: console.error });
  const s3 = new S3Client({ ...clientConfig(emulator), forcePathStyle: true });
  await makeBuckets(s3);
  const text = asIfAlways(await typeAll(s3));
  await writeFile(join(pictures, 'terminal.txt'), text);
  await writeFile(join(pictures, 'terminal.svg'), terminalPicture(text));
} finally {
  await emulator.stop();
  await rm(directory, { recursive: true, force: true });
}

async function makeBuckets(s3: S3Client): Promise<void> {
  for (const Bucket of ['my-photos', 'my-restores', 'old-exports'])
    await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutBucketAbacCommand({ Bucket: 'my-photos', AbacStatus: { Status: 'Enabled' } }));
  for (const month of ['january', 'february', 'march'])
    for (const place of places) {
      const Body = Buffer.from(`${month} ${place} `.repeat(8_000));
      await s3.send(new PutObjectCommand({ Bucket: 'my-photos', Key: `2026/${month}/${place}.jpg`, Body }));
    }
}

async function typeAll(s3: S3Client): Promise<string> {
  const lines: string[] = [];
  for (const command of recordedCommands) {
    const { remark, argv, before } = command;
    if (before === 'wait-for-a-point') await waitForAPoint();
    if (before === 'delete-a-file')
      await s3.send(new DeleteObjectCommand({ Bucket: 'my-photos', Key: recordedDeletion }));
    const { out, err } = await runHoldfast(argv, AbortSignal.timeout(300_000));
    lines.push(`# ${remark}`, `$ ${typed(command)}`, `${out}${err}`.trimEnd(), '');
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

async function waitForAPoint(): Promise<void> {
  const until = performance.now() + 120_000;
  while (performance.now() < until) {
    const { out } = await runHoldfast(['points', 'my-photos', '--json'], AbortSignal.timeout(60_000));
    if (out.includes('"pointId"')) return;
    await wait(1_000);
  }
  throw new Error('the first backup made no point within two minutes');
}
