import { isFileAttribute, metadataOfFile, type SourceEntry } from '@holdfast/engine';
import type { UnkeptFact } from '@holdfast/engine/model';

/** Headers of an object that a restore brings back, by their names in manifests. */
export interface ObjectFacts {
  readonly attributes: Readonly<Record<string, string>>;
  readonly userMetadata: Readonly<Record<string, string>>;
}

export interface HeaderAnswer {
  readonly ContentType?: string | undefined;
  readonly CacheControl?: string | undefined;
  readonly ContentDisposition?: string | undefined;
  readonly ContentEncoding?: string | undefined;
  readonly ContentLanguage?: string | undefined;
  readonly ExpiresString?: string | undefined;
  readonly WebsiteRedirectLocation?: string | undefined;
  readonly StorageClass?: string | undefined;
  readonly Metadata?: Record<string, string> | undefined;
}

const headerNames = {
  'content-type': 'ContentType',
  'cache-control': 'CacheControl',
  'content-disposition': 'ContentDisposition',
  'content-encoding': 'ContentEncoding',
  'content-language': 'ContentLanguage',
  expires: 'ExpiresString',
  'website-redirect-location': 'WebsiteRedirectLocation',
  'storage-class': 'StorageClass',
} as const satisfies Record<string, keyof HeaderAnswer>;

/** Classes that an object can be written into; others (of AWS Backup, Outposts, Snow) fall back to the standard one. */
const writableClasses = [
  'DEEP_ARCHIVE',
  'GLACIER',
  'GLACIER_IR',
  'INTELLIGENT_TIERING',
  'ONEZONE_IA',
  'REDUCED_REDUNDANCY',
  'STANDARD',
  'STANDARD_IA',
] as const;

export function toObjectFacts(answer: HeaderAnswer): ObjectFacts {
  const attributes: Record<string, string> = {};
  for (const [name, field] of Object.entries(headerNames)) {
    const value = answer[field];
    if (value !== undefined && value !== '') attributes[name] = value;
  }
  return { attributes, userMetadata: { ...answer.Metadata } };
}

export interface WritableFacts {
  /** Facts that the object will have. */
  readonly held: ObjectFacts;
  /** Facts of the entry that the object will lack. */
  readonly unkept: readonly UnkeptFact[];
}

/** Text that a header carries unchanged; S3 gives other metadata out in words of RFC 2047, which are such text. */
const headerText = /^[\t\x20-\x7e]*$/;

/** Sorts out which of an entry's facts an object can have; those of a file become metadata. */
export function toWritableFacts(entry: SourceEntry): WritableFacts {
  const { attributes, userMetadata } = entry;
  const { metadata, hasAllExtended } = metadataOfFile(entry);
  const unkept = new Set<UnkeptFact>(hasAllExtended ? [] : ['xattrs']);
  const keep = (
    record: Readonly<Record<string, string>>,
    find: (name: string, value: string) => UnkeptFact | undefined,
  ) =>
    Object.fromEntries(
      Object.entries(record).filter(([name, value]) => {
        const lost = find(name, value);
        if (lost !== undefined) unkept.add(lost);
        return lost === undefined;
      }),
    );
  const held: ObjectFacts = {
    attributes: keep(headersOf(attributes), lostHeader),
    userMetadata: {
      ...keep(userMetadata, (_, value) => (headerText.test(value) ? undefined : 'metadata')),
      ...metadata,
    },
  };
  return { held, unkept: [...unkept] };
}

function headersOf(attributes: SourceEntry['attributes']): SourceEntry['attributes'] {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => !isFileAttribute(name)));
}

function lostHeader(name: string, value: string): UnkeptFact | undefined {
  if (name === 'storage-class') return writableClasses.some((known) => known === value) ? undefined : name;
  return headerText.test(value) ? undefined : 'headers';
}

/** Turns facts into the fields of PutObject and CreateMultipartUpload; `Expires` is sent by `sendExpires`. */
export function toWriteHeaders({ attributes, userMetadata }: ObjectFacts) {
  return {
    ContentType: attributes['content-type'],
    CacheControl: attributes['cache-control'],
    ContentDisposition: attributes['content-disposition'],
    ContentEncoding: attributes['content-encoding'],
    ContentLanguage: attributes['content-language'],
    WebsiteRedirectLocation: attributes['website-redirect-location'],
    StorageClass: writableClasses.find((name) => name === attributes['storage-class']),
    Metadata: { ...userMetadata },
  };
}

export function toTags(
  tagSet: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] | undefined,
): Readonly<Record<string, string>> {
  return Object.fromEntries((tagSet ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']));
}
