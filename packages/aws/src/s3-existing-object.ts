import { GetObjectTaggingCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { SourceEntry } from '@holdfast/engine';
import { type ObjectFacts, toObjectFacts, toTags } from './s3-object-facts.ts';
import { httpStatus } from './sdk-errors.ts';
import { sendOptions } from './send-options.ts';

/** An object that a restore would overwrite. */
export interface ExistingObject extends ObjectFacts {
  readonly bytes: number;
  readonly etag: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** What a key holds, or `undefined` if nothing. */
export async function findExisting(
  s3: S3Client,
  address: { readonly Bucket: string; readonly Key: string; readonly ExpectedBucketOwner?: string },
  signal: AbortSignal | undefined,
): Promise<ExistingObject | undefined> {
  try {
    const head = await s3.send(new HeadObjectCommand(address), sendOptions(signal));
    // HeadObject counts tags in newer regions only, so they are asked for.
    const { TagSet } = await s3.send(new GetObjectTaggingCommand(address), sendOptions(signal));
    return {
      bytes: head.ContentLength ?? 0,
      etag: head.ETag ?? '',
      tags: toTags(TagSet),
      ...toObjectFacts(head),
    };
  } catch (error) {
    if (httpStatus(error) === 404) return undefined;
    throw error;
  }
}

/** Whether an object has the headers, metadata and tags of an entry. */
export function holdsFactsOf(existing: ExistingObject, entry: SourceEntry): boolean {
  return (
    isEqual(withDefaults(existing.attributes), withDefaults(entry.attributes)) &&
    isEqual(existing.userMetadata, entry.userMetadata) &&
    isEqual(existing.tags, entry.tags)
  );
}

/** Headers that S3 adds where a writer gave none are no difference. */
function withDefaults(attributes: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return { 'content-type': 'application/octet-stream', 'storage-class': 'STANDARD', ...attributes };
}

function isEqual(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
  );
}
