import {
  GetObjectTaggingCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  type _Object as ListedObject,
  type S3Client,
} from '@aws-sdk/client-s3';
import {
  type ByteRange,
  type Clock,
  distinctPrefixes,
  type FileSource,
  type OpenedEntry,
  type PathRange,
  type RandomBytes,
  type SourceEntry,
  utf8,
} from '@holdfast/engine';
import { decodeListedKey, ListingOrder } from '../store/s3-listing.ts';
import { findSplitKey } from './find-split-key.ts';
import { isBefore, isBehind, longestText, startAfterFor } from './s3-key-range.ts';
import { type ContentRequest, openContent, readContent } from './s3-object-content.ts';
import { toObjectFacts, toTags } from './s3-object-facts.ts';
import { S3ServerTime } from '../store/s3-server-time.ts';
import { toSourceEntryError, toSourceError } from './s3-source-errors.ts';

/** A range begins some names before its first one, as a listing can only begin behind a name. */
const keysOfProbe = 4;

export interface S3FileSourceOptions {
  /** Keys are protected only if they begin with one of these. @default all keys */
  readonly prefixes?: readonly string[];
  /** Keys of a page of a listing, at most 1,000. @default 1,000 */
  readonly pageSize?: number;
}

/** The current objects of a bucket. The change token is the ETag; every read demands it. */
export class S3FileSource implements FileSource {
  readonly #s3: S3Client;
  readonly #bucket: string;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #prefixes: readonly string[];
  readonly #pageSize: number | undefined;
  readonly #time: S3ServerTime;

  constructor(
    s3: S3Client,
    bucket: string,
    clock: Clock,
    random: RandomBytes,
    options: S3FileSourceOptions = {},
  ) {
    this.#s3 = s3;
    this.#bucket = bucket;
    this.#clock = clock;
    this.#random = random;
    const { prefixes = [] } = options;
    this.#prefixes = prefixes.length === 0 ? [''] : distinctPrefixes(prefixes);
    this.#pageSize = options.pageSize;
    this.#time = new S3ServerTime(s3, { Bucket: bucket }, clock, (error) => toSourceError(error, bucket));
  }

  list(range: PathRange, signal?: AbortSignal): AsyncIterable<SourceEntry> {
    return this.#list(range, this.#pageSize, signal);
  }

  /** Opens one connection, which is free again when the content has been read, or its iteration was ended. */
  async open(entry: SourceEntry, range?: ByteRange, signal?: AbortSignal): Promise<OpenedEntry> {
    const key = keyOf(entry);
    const offset = Math.min(range?.offset ?? 0, entry.size);
    const length = Math.min(range?.length ?? entry.size, entry.size - offset);
    const request: ContentRequest = {
      s3: this.#s3,
      bucket: this.#bucket,
      key,
      etag: entry.changeToken,
      range: { offset, length },
      // An empty object has no range.
      whole: length === entry.size || length === 0,
      clock: this.#clock,
      random: this.#random,
      signal,
      toError: (error) => toSourceEntryError(error, this.#bucket, key),
    };
    const opened = await openContent(request);
    const tags = (opened.TagCount ?? 0) > 0 ? await this.#tagsOf(key, opened.VersionId, signal) : {};
    const hidden: Pick<SourceEntry, 'leftOut'> =
      (opened.MissingMeta ?? 0) > 0 ? { leftOut: ['hidden-metadata'] } : {};
    const known = { ...entry, ...toObjectFacts(opened), tags, ...hidden };
    return { entry: known, content: readContent(request, opened) };
  }

  getTags = (entry: SourceEntry, signal?: AbortSignal): Promise<Readonly<Record<string, string>>> =>
    this.#tagsOf(keyOf(entry), undefined, signal);

  /** Looks for single keys in some twenty places at most: S3 lists names only forwards. */
  findSplit = async (range: PathRange, signal?: AbortSignal): Promise<Uint8Array | undefined> => {
    const firstFrom = async (text: string): Promise<string | undefined> => {
      for await (const { path } of this.#list({ from: utf8(text), to: range.to }, keysOfProbe, signal))
        return Buffer.from(path).toString('utf8');
      return undefined;
    };
    const split = await findSplitKey(longestText(range.from ?? new Uint8Array()), firstFrom);
    return split === undefined ? undefined : utf8(split);
  };

  now(): Promise<Date> {
    return this.#time.now();
  }

  async *#list(
    range: PathRange,
    pageSize: number | undefined,
    signal?: AbortSignal,
  ): AsyncIterable<SourceEntry> {
    const order = new ListingOrder(this.#bucket);
    for (const prefix of this.#prefixes) {
      for await (const page of this.#pages(prefix, startAfterFor(range.from), pageSize, signal)) {
        for (const entry of order.sorted((page.Contents ?? []).map(toEntry), ({ path }) => path)) {
          if (isBefore(entry.path, range)) continue;
          if (isBehind(entry.path, range)) return;
          yield entry;
        }
      }
    }
  }

  async *#pages(
    prefix: string,
    startAfter: string | undefined,
    pageSize: number | undefined,
    signal?: AbortSignal,
  ): AsyncIterable<ListObjectsV2CommandOutput> {
    let token: string | undefined;
    do {
      const command: ListObjectsV2Command = new ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: prefix,
        // XML cannot carry control characters, which keys may have.
        EncodingType: 'url',
        StartAfter: startAfter,
        ContinuationToken: token,
        MaxKeys: pageSize,
      });
      const page: ListObjectsV2CommandOutput = await this.#s3
        .send(command, { abortSignal: signal })
        .catch((error: unknown) => {
          throw toSourceError(error, this.#bucket);
        });
      yield page;
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async #tagsOf(
    key: string,
    versionId: string | undefined,
    signal?: AbortSignal,
  ): Promise<Readonly<Record<string, string>>> {
    const command = new GetObjectTaggingCommand({
      Bucket: this.#bucket,
      Key: key,
      // `null` is the version from before versions were switched on; only some calls take it as an id.
      VersionId: versionId === 'null' ? undefined : versionId,
    });
    try {
      return toTags((await this.#s3.send(command, { abortSignal: signal })).TagSet);
    } catch (error) {
      throw toSourceEntryError(error, this.#bucket, key);
    }
  }
}

/** The standard class is left out, as objects that are read leave it out. */
function listedAttributes(storageClass: string | undefined): SourceEntry['attributes'] {
  return storageClass === undefined || storageClass === 'STANDARD' ? {} : { 'storage-class': storageClass };
}

function toEntry({ Key, Size, LastModified, ETag, StorageClass }: ListedObject): SourceEntry {
  return {
    path: utf8(decodeListedKey(Key ?? '')),
    kind: 'object',
    size: Size ?? 0,
    modifiedMs: LastModified?.getTime() ?? 0,
    changeToken: ETag ?? '',
    attributes: listedAttributes(StorageClass),
    userMetadata: {},
    tags: {},
  };
}

function keyOf(entry: SourceEntry): string {
  return Buffer.from(entry.path).toString('utf8');
}
