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
  const wanted = { ...defaultsOf(existing.attributes), ...held.attributes };
  if (!isEqual({ ...addedAlways, ...existing.attributes }, wanted)) return false;
  if (!isEqual(existing.userMetadata, held.userMetadata)) return false;
  const { TagSet } = await s3.send(new GetObjectTaggingCommand(address), { abortSignal: signal });
  return isEqual(toTags(TagSet), entry.tags);
}

const addedAlways = { 'storage-class': 'STANDARD' } as const;

/** Types of an object whose writer gave none: the SDK's of a write in one piece, and S3's own of one in parts. */
const defaultTypes = ['application/octet-stream', 'binary/octet-stream'];

/** Headers of an object that are there where its writer gave none: they are no difference. */
function defaultsOf(attributes: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const type = attributes['content-type'];
  const isDefault = type !== undefined && defaultTypes.includes(type);
  return { ...addedAlways, ...(isDefault && { 'content-type': type }) };
}

function isEqual(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
  );
}
