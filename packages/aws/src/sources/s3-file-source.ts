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
  type FileSource,
  type OpenedEntry,
  type PathRange,
  type RandomBytes,
  type SourceEntry,
  utf8,
} from '@holdfast/engine';
import { decodeListedKey, ListingOrder } from '../store/s3-listing.ts';
import { folderStartAfter, isBefore, isBehind, normalizePrefixes, startAfterFor } from './s3-key-range.ts';
import { type ContentRequest, openContent, readContent } from './s3-object-content.ts';
import { toObjectFacts, toTags } from './s3-object-facts.ts';
import { S3ServerTime } from '../store/s3-server-time.ts';
import { toSourceEntryError, toSourceError } from './s3-source-errors.ts';
import { sendOptions } from '../sdk/send-options.ts';

/** Levels that `listSplits` goes down in a bucket whose keys all lie in one folder. */
const splitDepth = 8;

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
    this.#prefixes = normalizePrefixes(options.prefixes ?? []);
    this.#pageSize = options.pageSize;
    this.#time = new S3ServerTime(s3, { Bucket: bucket }, clock, (error) => toSourceError(error, bucket));
  }

  async *list(range: PathRange, signal?: AbortSignal): AsyncIterable<SourceEntry> {
    const order = new ListingOrder(this.#bucket);
    for (const prefix of this.#prefixes) {
      for await (const page of this.#pages(prefix, startAfterFor(range.from), signal)) {
        for (const entry of order.sorted((page.Contents ?? []).map(toEntry), ({ path }) => path)) {
          if (isBefore(entry.path, range)) continue;
          if (isBehind(entry.path, range)) return;
          yield entry;
        }
      }
    }
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

  /** Splits at folders of the highest level that has more than one; a bucket without folders cannot be split. */
  async listSplits(range: PathRange, limit: number, signal?: AbortSignal): Promise<readonly Uint8Array[]> {
    const splits: Uint8Array[] = [];
    for (const prefix of this.#prefixes) {
      let folders = [prefix];
      for (let depth = 0; depth < splitDepth && folders.length === 1 && folders[0] !== undefined; depth++) {
        const inside = await this.#foldersOf(folders[0], range, limit, signal);
        if (inside.length === 0) break;
        folders = inside;
      }
      splits.push(...folders.map((folder) => utf8(folder)));
    }
    const inRange = splits.filter((path) => {
      const atStart =
        path.length === 0 || (range.from !== undefined && Buffer.compare(path, range.from) <= 0);
      return !atStart && !isBehind(path, range);
    });
    return inRange.slice(0, limit);
  }

  now(): Promise<Date> {
    return this.#time.now();
  }

  async #foldersOf(prefix: string, range: PathRange, limit: number, signal?: AbortSignal): Promise<string[]> {
    const folders: string[] = [];
    const order = new ListingOrder(this.#bucket);
    for await (const page of this.#pages(prefix, folderStartAfter(range.from, prefix), signal, '/')) {
      const listed = (page.CommonPrefixes ?? []).map((one) => decodeListedKey(one.Prefix ?? ''));
      folders.push(...order.sorted(listed, utf8));
      const last = folders.at(-1);
      if (folders.length >= limit || (last !== undefined && isBehind(utf8(last), range))) break;
    }
    return folders.slice(0, limit);
  }

  async *#pages(
    prefix: string,
    startAfter: string | undefined,
    signal?: AbortSignal,
    delimiter?: string,
  ): AsyncIterable<ListObjectsV2CommandOutput> {
    let token: string | undefined;
    do {
      const command: ListObjectsV2Command = new ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: prefix,
        Delimiter: delimiter,
        // XML cannot carry control characters, which keys may have.
        EncodingType: 'url',
        StartAfter: startAfter,
        ContinuationToken: token,
        MaxKeys: this.#pageSize,
      });
      const page: ListObjectsV2CommandOutput = await this.#s3
        .send(command, sendOptions(signal))
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
      return toTags((await this.#s3.send(command, sendOptions(signal))).TagSet);
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
