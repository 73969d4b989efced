import { GetObjectTaggingCommand, type S3Client } from '@aws-sdk/client-s3';
import type { SourceEntry } from '@holdfast/engine';
import { findObjectHead } from './s3-head.ts';
import { type ObjectFacts, toObjectFacts, toTags, toWritableFacts } from '../sources/s3-object-facts.ts';

export interface ExistingObject extends ObjectFacts {
  readonly bytes: number;
  readonly etag: string;
}

export interface ObjectAddress {
  readonly Bucket: string;
  readonly Key: string;
  readonly ExpectedBucketOwner?: string;
}

export async function findExisting(
  s3: S3Client,
  address: ObjectAddress,
  signal: AbortSignal | undefined,
): Promise<ExistingObject | undefined> {
  const head = await findObjectHead(s3, address, signal);
  if (head === undefined) return undefined;
  return { bytes: head.ContentLength ?? 0, etag: head.ETag ?? '', ...toObjectFacts(head) };
}

/** Compares headers and metadata, and asks for the tags last. */
export async function holdsFactsOf(
  s3: S3Client,
  address: ObjectAddress,
  existing: ExistingObject,
  entry: SourceEntry,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  // A fact that an object cannot have is no difference that writing it again would mend.
  const { held } = toWritableFacts(entry);
  if (!isEqual(withDefaults(existing.attributes), withDefaults(held.attributes))) return false;
  if (!isEqual(existing.userMetadata, held.userMetadata)) return false;
  const { TagSet } = await s3.send(new GetObjectTaggingCommand(address), { abortSignal: signal });
  return isEqual(toTags(TagSet), entry.tags);
}

/** Adds the headers that S3 adds where a writer gave none: they are no difference. */
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
