import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  type CompletedPart,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import {
  concernsOne,
  type OverwriteRule,
  RestorePathError,
  type RestoreTarget,
  type SourceEntry,
  StoreUnavailableError,
  type UnkeptCount,
  UnkeptFacts,
  type WriteOutcome,
} from '@holdfast/engine';
import { inPieces } from '../sdk/in-pieces.ts';
import { toWritableFacts, toWriteHeaders } from '../sources/s3-object-facts.ts';
import { sendExpires } from '../store/s3-raw-headers.ts';
import {
  type ExistingObject,
  findExisting,
  holdsFactsOf,
  type ObjectAddress,
} from '../store/s3-existing-object.ts';
import { errorName, httpStatus } from '../sdk/sdk-errors.ts';
import { toTargetError } from './s3-target-errors.ts';
import { sendOptions } from '../sdk/send-options.ts';

const mebibyte = 1024 * 1024;
const mostParts = 10_000;
const mostKeyBytes = 1024;
/** Of a write that another one of the same key got into the way of. */
const mostAttempts = 3;

/** Where a restore writes in S3, and from which size on in parts. */
export interface S3RestoreTargetOptions {
  /** What every key begins with, such as `restored/`. @default nothing */
  readonly prefix?: string;
  /** Objects of this size and more are written in parts; smaller ones are held in memory. @default 16 MiB */
  readonly multipartFromBytes?: number;
  /** Size of a part, raised where 10,000 of them would not be enough; one is held in memory. @default 16 MiB */
  readonly partBytes?: number;
  /** Account that has to own the bucket. @default whoever owns it */
  readonly expectedBucketOwner?: string;
}

/**
 * Restores objects into a bucket. A path is a key below the prefix and nothing else: `../` has no meaning in S3.
 *
 * Overwrite rules: `never` is decided by S3 in the write itself, so it holds against other writers too. It and
 * `if-different` take an object for the same when its size, headers, metadata and tags are equal and its ETag is the one that the
 * point recorded or the MD5 of the content; an object whose ETag is neither (another part size, KMS encryption) is
 * written again.
 */
export class S3RestoreTarget implements RestoreTarget {
  readonly naming = 'flat';
  readonly #s3: S3Client;
  readonly #bucket: { readonly Bucket: string; readonly ExpectedBucketOwner?: string };
  readonly #prefix: string;
  readonly #multipartFromBytes: number;
  readonly #partBytes: number;
  #unkept = new UnkeptFacts();

  constructor(s3: S3Client, bucket: string, options: S3RestoreTargetOptions = {}) {
    this.#s3 = s3;
    this.#bucket = {
      Bucket: bucket,
      ...(options.expectedBucketOwner === undefined
        ? {}
        : { ExpectedBucketOwner: options.expectedBucketOwner }),
    };
    this.#prefix = options.prefix ?? '';
    this.#multipartFromBytes = options.multipartFromBytes ?? 16 * mebibyte;
    this.#partBytes = options.partBytes ?? 16 * mebibyte;
  }

  async write(
    entry: SourceEntry,
    content: AsyncIterable<Uint8Array>,
    rule: OverwriteRule,
    signal?: AbortSignal,
  ): Promise<WriteOutcome> {
    const address = { ...this.#bucket, Key: this.#keyFor(entry) };
    try {
      const existing = await this.#look(address, rule, signal);
      if (rule === 'never' && existing !== undefined)
        return (await this.#holds(address, existing, entry, content, signal)) ? 'same' : 'kept';
      const isSmall = entry.size < this.#multipartFromBytes;
      if (existing !== undefined && (await this.#isSame(address, existing, entry, entry.changeToken, signal)))
        return 'same';
      const fresh = rule === 'never' ? { IfNoneMatch: '*' } : {};
      const outcome = isSmall
        ? await this.#writeWhole(address, entry, content, existing, fresh, signal)
        : await this.#writeParts(address, entry, content, fresh, signal);
      this.#unkept.add(entry.path, toWritableFacts(entry).unkept);
      return outcome;
    } catch (error) {
      // Somebody wrote the key since we looked; S3 decided.
      if (rule === 'never' && httpStatus(error) === 412) return 'kept';
      throw toTargetError(error, address.Bucket, address.Key);
    }
  }

  /** Begins an upload in parts, which asks for the same rights and takes the same headers as a write, and gives it up. */
  async accepts(entry: SourceEntry, rule: OverwriteRule, signal?: AbortSignal): Promise<boolean> {
    try {
      const address = { ...this.#bucket, Key: this.#keyFor(entry) };
      try {
        const existing = await this.#look(address, rule, signal);
        if (rule === 'never' && existing !== undefined) return true;
        await this.#giveUp(address, await this.#begin(address, entry, signal));
        return true;
      } catch (error) {
        throw toTargetError(error, address.Bucket, address.Key);
      }
    } catch (error) {
      if (concernsOne(error)) return false;
      throw error;
    }
  }

  /** Every write is complete when it returns, and S3 has no directories to finish. */
  async finish(): Promise<readonly UnkeptCount[]> {
    const unkept = this.#unkept.list();
    this.#unkept = new UnkeptFacts();
    return Promise.resolve(unkept);
  }

  /** What has to be known of a key before it is written. */
  async #look(
    address: ObjectAddress,
    rule: OverwriteRule,
    signal: AbortSignal | undefined,
  ): Promise<ExistingObject | undefined> {
    if (rule === 'always') return undefined;
    try {
      return await findExisting(this.#s3, address, signal);
    } catch (error) {
      // S3 decides in the write itself, which takes no right to look.
      if (rule === 'never' && concernsOne(toTargetError(error, address.Bucket, address.Key)))
        return undefined;
      throw error;
    }
  }

  #keyFor(entry: SourceEntry): string {
    const path = Buffer.from(entry.path);
    const text = path.toString('utf8');
    if (entry.kind === 'symlink')
      throw new RestorePathError(text, 'S3 has no symbolic links; restore it to a disk');
    if (path.length === 0) throw new RestorePathError(text, 'an object needs a name');
    if (!Buffer.from(text).equals(path))
      throw new RestorePathError(text, 'its bytes are not UTF-8, as keys must be');
    // The path as it is, which of a directory ends in a slash: no two entries have one key.
    const key = this.#prefix + text;
    const bytes = Buffer.byteLength(key);
    if (bytes > mostKeyBytes) {
      throw new RestorePathError(
        text,
        `its key would have ${bytes} bytes of at most ${mostKeyBytes}; use a shorter prefix`,
      );
    }
    return key;
  }

  /** Whether what is to stay anyway is as the point has it; what may not be read cannot be told to be. */
  async #holds(
    address: ObjectAddress,
    existing: ExistingObject,
    entry: SourceEntry,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    if (existing.bytes !== entry.size) return false;
    try {
      if (await this.#isSame(address, existing, entry, entry.changeToken, signal)) return true;
      const etag = await this.#etagOf(entry, content, existing);
      return etag !== undefined && (await this.#isSame(address, existing, entry, etag, signal));
    } catch (error) {
      if (concernsOne(toTargetError(error, address.Bucket, address.Key))) return false;
      throw error;
    }
  }

  /** The ETag that content has which this target wrote; `undefined` for other numbers of parts, of which there is none. */
  async #etagOf(
    entry: SourceEntry,
    content: AsyncIterable<Uint8Array>,
    existing: ExistingObject,
  ): Promise<string | undefined> {
    const [, parts] = unquoted(existing.etag).split('-');
    const partBytes = this.#partBytesOf(entry);
    const wanted = Math.max(1, Math.ceil(entry.size / partBytes));
    if (parts !== undefined && Number(parts) !== wanted) return undefined;
    if (parts === undefined) {
      const whole = createHash('md5');
      for await (const piece of content) whole.update(piece);
      return whole.digest('hex');
    }
    const ofParts = createHash('md5');
    for await (const part of inPieces(content, partBytes))
      ofParts.update(createHash('md5').update(part).digest());
    return `${ofParts.digest('hex')}-${wanted}`;
  }

  #partBytesOf({ size }: SourceEntry): number {
    return Math.max(this.#partBytes, Math.ceil(size / mostParts));
  }

  async #isSame(
    address: ObjectAddress,
    existing: ExistingObject,
    entry: SourceEntry,
    etag: string,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    if (existing.bytes !== entry.size || unquoted(existing.etag) !== unquoted(etag)) return false;
    return holdsFactsOf(this.#s3, address, existing, entry, signal);
  }

  async #writeWhole(
    address: ObjectAddress,
    entry: SourceEntry,
    content: AsyncIterable<Uint8Array>,
    existing: ExistingObject | undefined,
    fresh: { readonly IfNoneMatch?: string },
    signal: AbortSignal | undefined,
  ): Promise<WriteOutcome> {
    const pieces: Uint8Array[] = [];
    for await (const piece of content) pieces.push(new Uint8Array(piece));
    const body = Buffer.concat(pieces);
    if (existing !== undefined) {
      const md5 = createHash('md5').update(body).digest('hex');
      if (await this.#isSame(address, existing, entry, md5, signal)) return 'same';
    }
    const { held } = toWritableFacts(entry);
    const command = new PutObjectCommand({
      ...address,
      ...fresh,
      ...toWriteHeaders(held),
      Tagging: taggingOf(entry),
      Body: body,
      ChecksumSHA256: sha256(body),
    });
    sendExpires(command, held.attributes['expires']);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#s3.send(command, sendOptions(signal));
        return 'written';
      } catch (error) {
        // Another write or a removal of the key was under way: S3 says that the answer is not known yet.
        if (errorName(error) !== 'ConditionalRequestConflict' || attempt >= mostAttempts) throw error;
      }
    }
  }

  async #writeParts(
    address: ObjectAddress,
    entry: SourceEntry,
    content: AsyncIterable<Uint8Array>,
    fresh: { readonly IfNoneMatch?: string },
    signal: AbortSignal | undefined,
  ): Promise<WriteOutcome> {
    const UploadId = await this.#begin(address, entry, signal);
    try {
      const parts: CompletedPart[] = [];
      for await (const body of inPieces(content, this.#partBytesOf(entry))) {
        const PartNumber = parts.length + 1;
        const ChecksumSHA256 = sha256(body);
        const part = new UploadPartCommand({ ...address, UploadId, PartNumber, Body: body, ChecksumSHA256 });
        const { ETag } = await this.#s3.send(part, sendOptions(signal));
        parts.push({ PartNumber, ETag, ChecksumSHA256 });
      }
      const complete = new CompleteMultipartUploadCommand({
        ...address,
        ...fresh,
        UploadId,
        MultipartUpload: { Parts: parts },
      });
      await this.#s3.send(complete, sendOptions(signal));
      return 'written';
    } catch (error) {
      await this.#giveUp(address, UploadId);
      throw error;
    }
  }

  async #begin(address: ObjectAddress, entry: SourceEntry, signal: AbortSignal | undefined): Promise<string> {
    const { held } = toWritableFacts(entry);
    const start = new CreateMultipartUploadCommand({
      ...address,
      ...toWriteHeaders(held),
      Tagging: taggingOf(entry),
      ChecksumAlgorithm: 'SHA256',
    });
    sendExpires(start, held.attributes['expires']);
    const { UploadId } = await this.#s3.send(start, sendOptions(signal));
    if (UploadId !== undefined) return UploadId;
    throw new StoreUnavailableError(`the upload of ${address.Key} was answered without an id; try again`);
  }

  /** Best effort: what stays is removed by the bucket's own rule for unfinished uploads. */
  async #giveUp(address: ObjectAddress, UploadId: string): Promise<void> {
    await this.#s3.send(new AbortMultipartUploadCommand({ ...address, UploadId })).catch(() => undefined);
  }
}

/** Tags as the header of a write takes them. */
function taggingOf({ tags }: SourceEntry): string | undefined {
  const pairs = Object.entries(tags).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  return pairs.length === 0 ? undefined : pairs.join('&');
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}

function unquoted(etag: string): string {
  return etag.replaceAll('"', '');
}
