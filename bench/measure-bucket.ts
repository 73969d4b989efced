import { CreateBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { adminPrefix } from '../localstack/gateway/admin.ts';
import { startEmulator } from '../localstack/composition.ts';
import type { DataSet } from './data-sets.ts';
import { runRound, type Round, type RoundOptions } from './measure.ts';

/**
 * Takes the programs through the steps with a bucket each, and counts their requests. The emulator runs on the same
 * cores, so that its time is in theirs.
 */
export async function runRoundOnBuckets(set: DataSet, options: RoundOptions): Promise<Round['programs']> {
  const emulator = await startEmulator();
  const { endpointUrl: endpoint, region, credentials } = emulator;
  const s3 = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const requests = new URL(`${adminPrefix}requests`, endpoint);
  const countRequests = async (): Promise<Record<string, number>> => {
    const answer = (await (await fetch(requests)).json()) as { requests: Record<string, number> };
    await fetch(requests, { method: 'DELETE' });
    return answer.requests;
  };
  try {
    return await runRound(set, {
      ...options,
      storeOf: async ({ name }) => {
        const bucket = `benchmark-${name}`;
        await s3.send(
          new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: name === 'holdfast' }),
        );
        return { endpoint, region, bucket, ...credentials };
      },
      look: async (store) => {
        const counted = await countRequests();
        const storedBytes = typeof store === 'string' ? NaN : await bytesIn(s3, store.bucket);
        await countRequests();
        return { requests: counted, storedBytes };
      },
    });
  } finally {
    s3.destroy();
    await emulator.stop();
  }
}

async function bytesIn(s3: S3Client, bucket: string): Promise<number> {
  let bytes = 0;
  let token: string | undefined;
  do {
    const page = await s3.send(new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token }));
    for (const { Size = 0 } of page.Contents ?? []) bytes += Size;
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return bytes;
}
