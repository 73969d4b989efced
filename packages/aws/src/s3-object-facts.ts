/** The headers of an object that a restore brings back, by their names in manifests. */
export interface ObjectFacts {
  readonly attributes: Readonly<Record<string, string>>;
  readonly userMetadata: Readonly<Record<string, string>>;
}

/** What GetObject and HeadObject answer of an object's headers. */
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

/** Reads an object's facts from an answer. */
export function toObjectFacts(answer: HeaderAnswer): ObjectFacts {
  const attributes: Record<string, string> = {};
  for (const [name, field] of Object.entries(headerNames)) {
    const value = answer[field];
    if (value !== undefined && value !== '') attributes[name] = value;
  }
  return { attributes, userMetadata: { ...answer.Metadata } };
}

/** Turns facts into the fields of PutObject and CreateMultipartUpload. */
export function toWriteHeaders({ attributes, userMetadata }: ObjectFacts) {
  const storageClass = writableClasses.find((name) => name === attributes['storage-class']);
  const expires = new Date(attributes['expires'] ?? Number.NaN);
  return {
    ContentType: attributes['content-type'],
    CacheControl: attributes['cache-control'],
    ContentDisposition: attributes['content-disposition'],
    ContentEncoding: attributes['content-encoding'],
    ContentLanguage: attributes['content-language'],
    Expires: Number.isNaN(expires.getTime()) ? undefined : expires,
    WebsiteRedirectLocation: attributes['website-redirect-location'],
    StorageClass: storageClass,
    Metadata: { ...userMetadata },
  };
}

/** Tags as a record. */
export function toTags(
  tagSet: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] | undefined,
): Readonly<Record<string, string>> {
  return Object.fromEntries((tagSet ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']));
}
