import { CreateBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { startEmulator } from '../localstack/composition.ts';
import { runMeasured, type Usage } from './child.ts';
import { whileChanged, type DataSet } from './data-set.ts';
import { compareTrees, keepCompiledCode, type Measured } from './measure-filesystem.ts';

const bucket = 'benchmark-vault';

/**
 * Measures Holdfast with the emulator's S3 as its store, one thread, as a worker in the cloud has. The emulator runs on
 * the same cores, so the figures say that the way through S3 works and what memory it takes, not how fast S3 is.
 * @param program - Holdfast's steps on S3.
 */
export async function measureS3(
  program: string,
  data: DataSet,
  scratch: string,
  log: (line: string) => void,
): Promise<Measured & { readonly data: DataSet }> {
  rmSync(scratch, { recursive: true, force: true });
  const emulator = await startEmulator();
  const { endpointUrl: endpoint, region, credentials } = emulator;
  const s3 = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const run = async (step: string, directory: string): Promise<Usage> => {
    const args = [program, step, scratch, directory, bucket];
    const environment = { ...emulator.environment, ...keepCompiledCode };
    const { usage } = await runMeasured(process.execPath, args, environment);
    log(`S3 ${step}: ${usage.seconds.toFixed(2)} s, ${usage.cpuSeconds.toFixed(2)} s CPU`);
    return usage;
  };
  try {
    await s3.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
    const full = await run('full', data.directory);
    const fullBytes = await storedBytes(s3);
    const unchanged = await run('incremental', data.directory);
    return await whileChanged(data, async () => {
      const changed = await run('incremental', data.directory);
      const restored = join(scratch, 'restored');
      const restore = await run('restore', restored);
      compareTrees(data.directory, restored);
      return {
        data,
        steps: { full, unchanged, changed, restore },
        fullBytes,
        changedBytes: await storedBytes(s3),
      };
    });
  } finally {
    s3.destroy();
    await emulator.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function storedBytes(s3: S3Client): Promise<number> {
  let bytes = 0;
  let token: string | undefined;
  do {
    const page = await s3.send(new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token }));
    for (const { Size = 0 } of page.Contents ?? []) bytes += Size;
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return bytes;
}
