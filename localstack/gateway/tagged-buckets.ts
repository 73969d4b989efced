import { GetBucketTaggingCommand, paginateListBuckets, S3Client } from '@aws-sdk/client-s3';
import type { AwsRequest } from './aws-request.ts';

export interface TaggedResource {
  readonly ResourceARN: string;
  readonly Tags: readonly { readonly Key: string; readonly Value: string }[];
}

const bucketsAtOnce = 16;
/** Errors of a bucket without tags, and of one that was deleted since it was listed. */
const untagged: ReadonlySet<string> = new Set(['NoSuchTagSet', 'NoSuchBucket']);

/**
 * The tagged buckets of an account and region, read from S3 itself, as not every emulator's GetResources knows them.
 * Like AWS's index, it still lists a bucket that lost all its tags since it was listed, with none.
 */
export class TaggedBuckets {
  readonly #upstreamUrl: string;
  readonly #clients = new Map<string, S3Client>();
  /** ARNs of buckets that had tags, by the client that saw them. */
  readonly #everTagged = new WeakMap<S3Client, Set<string>>();

  constructor(upstreamUrl: string) {
    this.#upstreamUrl = upstreamUrl;
  }

  async list(request: AwsRequest): Promise<readonly TaggedResource[]> {
    const s3 = this.#client(request);
    const everTagged = this.#everTagged.get(s3) ?? new Set();
    this.#everTagged.set(s3, everTagged);
    const names: string[] = [];
    for await (const page of paginateListBuckets({ client: s3 }, { BucketRegion: request.region })) {
      for (const { Name } of page.Buckets ?? []) if (Name !== undefined) names.push(Name);
    }
    const found: TaggedResource[] = [];
    for (let start = 0; start < names.length; start += bucketsAtOnce) {
      const group = names.slice(start, start + bucketsAtOnce);
      const tags = await Promise.all(group.map((name) => tagsOf(s3, name)));
      for (const [index, Tags] of tags.entries()) {
        const ResourceARN = `arn:aws:s3:::${group[index]}`;
        if (Tags.length > 0) everTagged.add(ResourceARN);
        if (everTagged.has(ResourceARN)) found.push({ ResourceARN, Tags });
      }
    }
    return found;
  }

  close(): void {
    for (const client of this.#clients.values()) client.destroy();
  }

  #client({ accessKeyId, region }: AwsRequest): S3Client {
    const id = `${accessKeyId} ${region}`;
    const known = this.#clients.get(id);
    if (known !== undefined) return known;
    const client = new S3Client({
      region,
      endpoint: this.#upstreamUrl,
      forcePathStyle: true,
      // The emulator reads the account from the id, and ignores the secret.
      credentials: { accessKeyId, secretAccessKey: 'unused' },
    });
    this.#clients.set(id, client);
    return client;
  }
}

async function tagsOf(s3: S3Client, Bucket: string): Promise<TaggedResource['Tags']> {
  try {
    const { TagSet = [] } = await s3.send(new GetBucketTaggingCommand({ Bucket }));
    return TagSet.map(({ Key = '', Value = '' }) => ({ Key, Value }));
  } catch (error) {
    if (error instanceof Error && untagged.has(error.name)) return [];
    throw error;
  }
}
