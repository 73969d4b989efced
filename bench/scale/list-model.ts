import { S3Client } from '@aws-sdk/client-s3';
import { S3FileSource } from '@holdfast/aws';
import { inSpreadOrder, type ListingState, listShards, type Shard, shardToJson } from '@holdfast/engine';
import { MemoryWorkStore, SeededRandom } from '@holdfast/engine/testing';
import { limits } from './limits.ts';
import { SyntheticBucket } from './synthetic-bucket.ts';
import { Processor, VirtualTime } from './virtual-time.ts';

/** Defaults of a plan's shards. */
const filesAShard = 10_000;
const bytesAShard = 2 ** 30;
/** Time after which a call of list-shards hands on: its 15 minutes, less its reserve. */
const listingCallMs = 780_000;

export interface ListedModel {
  readonly seconds: number;
  readonly calls: number;
  readonly pages: number;
  readonly probes: number;
  readonly shards: readonly Shard[];
  /** Bytes of the list that the map reads. */
  readonly listBytes: number;
  /** Memory that the call with all shards took at its end. */
  readonly heapBytes: number;
}

/**
 * Runs the product's listing over a computed bucket, with the time that S3 and one processor take.
 * @param sample - objects for which one listed entry stands; pages and shards have as many fewer entries.
 */
export async function modelListing(
  objects: number,
  objectBytes: number,
  pageCpuMs: number,
  sample: number,
): Promise<ListedModel> {
  const time = new VirtualTime();
  const processor = new Processor(time);
  const counts = { page: 0, key: 0 };
  const source = new SyntheticBucket({
    entries: objects / sample,
    objectBytes: objectBytes * sample,
    pageEntries: limits.listKeys.value / sample,
    clock: time,
    onRequest: async (of) => {
      counts[of] += 1;
      await time.sleep(limits.listMs.value);
      await processor.use(of === 'page' ? pageCpuMs : 1);
    },
  });
  const options = {
    source,
    work: new MemoryWorkStore(),
    random: new SeededRandom(),
    workPrefix: 'run/',
    limits: { files: filesAShard / sample, bytes: bytesAShard },
    entriesBetweenSplits: 20_000 / sample,
  };
  const before = heapNow();
  let state: ListingState | undefined;
  for (let calls = 1; ; calls += 1) {
    const stopAtMs = time.elapsedMs() + listingCallMs;
    const shouldStop = (): boolean => time.elapsedMs() >= stopAtMs;
    const step = await time.run(listShards({ ...options, shouldStop }, state));
    if (!step.done) {
      state = step.state;
      continue;
    }
    const list = JSON.stringify(inSpreadOrder(step.shards).map(shardToJson));
    const [pages, probes] = [counts.page, counts.key];
    return {
      seconds: time.elapsedMs() / 1000,
      calls,
      pages,
      probes,
      shards: step.shards,
      listBytes: Buffer.byteLength(list),
      heapBytes: Math.max(0, heapNow() - before),
    };
  }
}

function heapNow(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed;
}

/** Time that one processor takes for a page of 1,000 keys: the SDK, its XML, and the product's source. */
export async function measurePageCpuMs(pages: number): Promise<number> {
  const { value: keys } = limits.listKeys;
  const items = Array.from(
    { length: keys },
    (_, at) =>
      `<Contents><Key>customers/eu/000/000/${String(at).padStart(4, '0')}.json</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>` +
      '<ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>' +
      '<ChecksumType>FULL_OBJECT</ChecksumType><Size>65536</Size><StorageClass>STANDARD</StorageClass></Contents>',
  ).join('');
  const xml = Buffer.from(
    `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><KeyCount>${keys}</KeyCount>` +
      `<MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>${items}</ListBucketResult>`,
  );
  const answer = async () =>
    Promise.resolve({
      response: {
        statusCode: 200,
        headers: { 'content-type': 'application/xml' },
        body: new Response(xml).body,
      },
    });
  const client = new S3Client({
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    requestHandler: { handle: answer } as never,
  });
  const source = new S3FileSource(client, 'measured', new VirtualTime(), new SeededRandom());
  const list = async (): Promise<number> => {
    let seen = 0;
    for await (const _ of source.list({})) seen += 1;
    return seen;
  };
  // Twice to warm up: the first pages compile.
  for (let page = 0; page < pages; page += 1) await list();
  const before = process.cpuUsage();
  for (let page = 0; page < pages; page += 1) {
    const seen = await list();
    if (seen !== keys) throw new Error(`a page of ${keys} keys was read as ${seen}`);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / pages;
}
