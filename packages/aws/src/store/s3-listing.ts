import { ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import { compareBytes, NotSupportedError, type ObjectVersion, utf8 } from '@holdfast/engine';
import { answerOf } from '../sdk/sdk-errors.ts';

export interface OwnedBucket {
  readonly Bucket: string;
  readonly ExpectedBucketOwner?: string;
}

/** Undoes the encoding that a listing asks for, because XML cannot carry control characters. */
export function decodeListedKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', ' '));
}

/**
 * Holds a listing to the order of its names' UTF-8 bytes, on which every range, shard and merge builds. General purpose
 * buckets of S3 keep it, directory buckets do not, nor does every store that speaks S3's protocol.
 */
export class ListingOrder {
  readonly #bucket: string;
  #last: Uint8Array | undefined;

  constructor(bucket: string) {
    this.#bucket = bucket;
  }

  /**
   * Sorts the next page's items; those of one name stay as they came.
   * @throws {@link NotSupportedError} a name belongs into an earlier page, so names may be missing from later ones.
   */
  sorted<Item>(page: readonly Item[], nameOf: (item: Item) => Uint8Array): readonly Item[] {
    const named = page.map((item) => ({ item, name: nameOf(item) }));
    named.sort((one, other) => compareBytes(one.name, other.name));
    const first = named[0]?.name;
    if (first !== undefined && this.#last !== undefined && compareBytes(first, this.#last) < 0) {
      throw new NotSupportedError(
        `bucket ${this.#bucket} lists ${quoted(first)} after ${quoted(this.#last)}, not in the order of their bytes, so ` +
          'parts of it could be missed; use a general purpose bucket of S3, or a store that sorts like one',
      );
    }
    this.#last = named.at(-1)?.name ?? this.#last;
    return named.map(({ item }) => item);
  }
}

function quoted(name: Uint8Array): string {
  return JSON.stringify(Buffer.from(name).toString('utf8'));
}

/** Lists every version under a prefix in S3's order: names by their bytes, newest first within a name. */
export async function* listObjectVersions(
  s3: S3Client,
  bucket: OwnedBucket,
  prefix: string,
  options: { readonly startAfter?: string; readonly pageSize?: number; readonly signal?: AbortSignal } = {},
): AsyncIterable<ObjectVersion> {
  const order = new ListingOrder(bucket.Bucket);
  let keyMarker = options.startAfter;
  let versionMarker: string | undefined;
  for (;;) {
    const command = new ListObjectVersionsCommand({
      ...bucket,
      Prefix: prefix,
      EncodingType: 'url',
      KeyMarker: keyMarker,
      VersionIdMarker: versionMarker,
      MaxKeys: options.pageSize,
    });
    const sent = s3.send(command, { abortSignal: options.signal });
    const page = await answerOf(sent, `listing ${prefix}* in bucket ${bucket.Bucket}`);
    const versions = (page.Versions ?? []).flatMap(({ Key, VersionId, Size, LastModified }) =>
      Key === undefined || VersionId === undefined
        ? []
        : {
            name: decodeListedKey(Key),
            versionId: VersionId,
            bytes: Size ?? 0,
            storedAt: LastModified ?? new Date(Number.NaN),
          },
    );
    yield* order.sorted(versions, ({ name }) => utf8(name));
    if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return;
    keyMarker = decodeListedKey(page.NextKeyMarker);
    versionMarker = page.NextVersionIdMarker;
  }
}
