import { createHash, type Hash } from 'node:crypto';
import { CreateMultipartUploadCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import {
  type BegunWrite,
  concernsOne,
  findLinkTarget,
  largestUploadBytes,
  longestStretchBytes,
  RestorePathError,
  type RestoredContent,
  type RestoreTarget,
  type SourceEntry,
  StoreUnavailableError,
  TargetEntryError,
  type UnkeptCount,
  UnkeptFacts,
  type WriteOptions,
  type WriteOutcome,
} from '@holdfast/engine';
import type { OverwriteRule } from '@holdfast/engine/model';
import * as z from 'zod';
import { toWritableFacts, toWriteHeaders } from '../sources/s3-object-facts.ts';
import { S3Parts } from '../store/s3-parts.ts';
import { sendExpires } from '../store/s3-raw-headers.ts';
import {
  type ExistingObject,
  findExisting,
  holdsFactsOf,
  type ObjectAddress,
} from '../store/s3-existing-object.ts';
import { errorName, httpStatus } from '../sdk/sdk-errors.ts';
import { ObjectUpload, UploadState } from './object-upload.ts';
import { toTargetError } from './s3-target-errors.ts';

const mebibyte = 1024 * 1024;
const mostParts = 10_000;
const mostKeyBytes = 1024;
/** Tries of a write that another one of the same key got into the way of. */
const mostAttempts = 3;
const md5Bytes = 16;

/** The progress of a write over several calls: of an upload, or of comparing what is there already. */
const WriteState = z.discriminatedUnion('step', [
  UploadState,
  z.object({
    step: z.literal('compare'),
    etag: z.string(),
    /** MD5 of each part so far, one behind the other. */
    digests: z.base64(),
  }),
]);
type WriteState = z.infer<typeof WriteState>;

export interface S3RestoreTargetOptions {
  /** The beginning of every key, such as `restored/`. @default nothing */
  readonly prefix?: string;
  /** Objects of this size and more are written in parts; smaller ones are held in memory. @default 16 MiB */
  readonly multipartFromBytes?: number;
  /** Size of a part, raised where 10,000 of them would not be enough; two are held in memory. @default 16 MiB */
  readonly partBytes?: number;
  /** Larger objects are refused. @default what a worker has the memory for */
  readonly largestBytes?: number;
  /** Account that has to own the bucket. @default whoever owns it */
  readonly expectedBucketOwner?: string;
}

/**
 * Restores objects into a bucket. A path is a key below the prefix and nothing else: `../` has no meaning in S3. Facts of
 * files become metadata, which a restore of that bucket into a directory reads back.
 *
 * Overwrite rules: `never` is decided by S3 in the write itself, so it holds against other writers too. It and
 * `if-different` take an object for the same when its size, headers, metadata and tags are equal and its ETag is the one that the
 * point recorded or the MD5 of the content; an object whose ETag is neither (another part size, KMS encryption) is
 * written again.
 *
 * Large objects are one upload in parts, which goes on over any number of calls. S3 checks every part against its SHA-256,
 * and the object against the list of them; the rule is decided when the upload begins, `never` once more when it is
 * completed. An upload that somebody else ends (a lifecycle rule of the bucket does) fails its object.
 */
export class S3RestoreTarget implements RestoreTarget {
  readonly naming = 'flat';
  readonly #s3: S3Client;
  readonly #bucket: { readonly Bucket: string; readonly ExpectedBucketOwner?: string };
  readonly #prefix: string;
  readonly #multipartFromBytes: number;
  readonly #partBytes: number;
  readonly #largestBytes: number;
  readonly #unkept = new UnkeptFacts();

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
    this.#largestBytes = options.largestBytes ?? largestUploadBytes;
  }

  async write(
    entry: SourceEntry,
    content: RestoredContent,
    rule: OverwriteRule,
    options: WriteOptions = {},
  ): Promise<WriteOutcome | BegunWrite> {
    const address = { ...this.#bucket, Key: this.#keyFor(entry) };
    try {
      const [written, bytes] = entry.kind === 'symlink' ? asObject(entry) : ([entry, content] as const);
      const outcome = await this.#write(address, written, bytes, rule, options);
      if (outcome === 'written') this.#unkept.add(entry.path, toWritableFacts(entry).unkept);
      return outcome;
    } catch (error) {
      // Somebody wrote the key since we looked; S3 decided.
      if (rule === 'never' && httpStatus(error) === 412) return 'kept';
      throw toTargetError(error, address.Bucket, address.Key);
    }
  }

  /**
   * Frees what an abandoned write has in the bucket.
   * @throws {@link TargetEntryError} the key may not be written, or its uploads not be ended.
   */
  async giveUp({ state }: BegunWrite): Promise<void> {
    const parsed = WriteState.parse(state);
    if (parsed.step !== 'upload') return;
    const address = { ...this.#bucket, Key: parsed.key };
    try {
      await new S3Parts(this.#s3, address, parsed).abort();
    } catch (error) {
      throw toTargetError(error, address.Bucket, address.Key);
    }
  }

  async #write(
    address: ObjectAddress,
    entry: SourceEntry,
    content: RestoredContent,
    rule: OverwriteRule,
    options: WriteOptions,
  ): Promise<WriteOutcome | BegunWrite> {
    const { from, signal } = options;
    const state = from && WriteState.parse(from.state);
    const fresh = rule === 'never' ? { IfNoneMatch: '*' as const } : {};
    if (state?.step === 'upload')
      return this.#writeParts(address, entry, content, fresh, { ...options, state });
    const existing = await this.#look(address, rule, signal);
    if (state !== undefined && existing === undefined) {
      const remedy = 'was there, and was removed while it was compared; restore it again';
      throw new TargetEntryError('contended', address.Key, remedy);
    }
    if (rule === 'never' && existing !== undefined)
      return this.#compare(address, existing, entry, content, { ...options, state });
    if (existing !== undefined && (await this.#isSame(address, existing, entry, entry.changeToken, signal)))
      return 'same';
    return entry.size < this.#multipartFromBytes
      ? this.#writeWhole(address, entry, content, existing, fresh, signal)
      : this.#writeParts(address, entry, content, fresh, options);
  }

  /** Begins an upload in parts, which asks for the same rights and takes the same headers as a write, and gives it up. */
  async accepts(entry: SourceEntry, rule: OverwriteRule, signal?: AbortSignal): Promise<boolean> {
    try {
      const address = { ...this.#bucket, Key: this.#keyFor(entry) };
      try {
        const existing = await this.#look(address, rule, signal);
        if (rule === 'never' && existing !== undefined) return true;
        const uploadId = await this.#begin(address, entry, signal);
        await new S3Parts(this.#s3, address, { uploadId, parts: [] }).abort().catch(() => undefined);
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
    return Promise.resolve(this.#unkept.take());
  }

  async #look(
    address: ObjectAddress,
    rule: OverwriteRule,
    signal: AbortSignal | undefined,
  ): Promise<ExistingObject | undefined> {
    if (rule === 'always') return undefined;
    try {
      return await findExisting(this.#s3, address, signal);
    } catch (error) {
      // With `never`, S3 decides in the write itself, which takes no right to look.
      if (rule === 'never' && concernsOne(toTargetError(error, address.Bucket, address.Key)))
        return undefined;
      throw error;
    }
  }

  #keyFor(entry: SourceEntry): string {
    const path = Buffer.from(entry.path);
    const text = path.toString('utf8');
    if (entry.size > this.#largestBytes) {
      const remedy = `more than the ${this.#largestBytes} that are written from here; restore it into a directory`;
      throw new TargetEntryError('unfit', text, `has ${entry.size} bytes, ${remedy}`);
    }
    if (path.length === 0) throw new RestorePathError(text, 'an object needs a name');
    if (!Buffer.from(text).equals(path))
      throw new RestorePathError(text, 'its bytes are not UTF-8, as keys must be');
    // The path as it is, with a directory's slash at the end: no two entries have one key.
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

  /** Compares an object that stays anyway with the entry; one that may not be read counts as different. */
  async #compare(
    address: ObjectAddress,
    existing: ExistingObject,
    entry: SourceEntry,
    content: RestoredContent,
    options: WriteOptions & { readonly state: Extract<WriteState, { step: 'compare' }> | undefined },
  ): Promise<WriteOutcome | BegunWrite> {
    const { state, signal } = options;
    if (existing.bytes !== entry.size || (state !== undefined && state.etag !== existing.etag)) return 'kept';
    try {
      if (await this.#isSame(address, existing, entry, entry.changeToken, signal)) return 'same';
      const etag = await this.#etagOf(entry, content, existing, options);
      if (typeof etag === 'object') return etag;
      const isSame = etag !== undefined && (await this.#isSame(address, existing, entry, etag, signal));
      return isSame ? 'same' : 'kept';
    } catch (error) {
      if (concernsOne(toTargetError(error, address.Bucket, address.Key))) return 'kept';
      throw error;
    }
  }

  /**
   * Computes the ETag that this target gives to the content; `undefined` where the object's number of parts is not
   * one that this target writes.
   * @returns the progress, when it was stopped.
   */
  async #etagOf(
    entry: SourceEntry,
    content: RestoredContent,
    existing: ExistingObject,
    { state, shouldStop }: WriteOptions & { readonly state: { readonly digests: string } | undefined },
  ): Promise<string | undefined | BegunWrite> {
    const [, parts] = unquoted(existing.etag).split('-');
    const partBytes = this.#partBytesOf(entry);
    const wanted = Math.max(1, Math.ceil(entry.size / partBytes));
    if (parts !== undefined && Number(parts) !== wanted) return undefined;
    if (parts === undefined) {
      // S3 takes nothing larger in one write, so the ETag is no MD5.
      if (entry.size > longestStretchBytes) return undefined;
      const whole = createHash('md5');
      for await (const piece of content) whole.update(piece);
      return whole.digest('hex');
    }
    const digests = [Buffer.from(state?.digests ?? '', 'base64')];
    let at = (digests[0]?.length ?? 0) / md5Bytes;
    for await (const part of hashParts(content, partBytes)) {
      digests.push(part.digest());
      at += 1;
      if (at < wanted && shouldStop?.(partBytes) === true) {
        const compared = Buffer.concat(digests).toString('base64');
        return {
          bytes: at * partBytes,
          state: { step: 'compare', etag: existing.etag, digests: compared } satisfies WriteState,
        };
      }
    }
    return `${createHash('md5').update(Buffer.concat(digests)).digest('hex')}-${wanted}`;
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
    content: RestoredContent,
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
        await this.#s3.send(command, { abortSignal: signal });
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
    content: RestoredContent,
    fresh: { readonly IfNoneMatch?: '*' },
    options: WriteOptions & { readonly state?: UploadState },
  ): Promise<WriteOutcome | BegunWrite> {
    const upload = new ObjectUpload({
      s3: this.#s3,
      address,
      size: entry.size,
      partBytes: this.#partBytesOf(entry),
      begin: async () => this.#begin(address, entry, options.signal),
      ...options,
    });
    try {
      return (await upload.add(content)) ?? (await upload.complete(fresh));
    } catch (error) {
      // An error that concerns others too is tried again, and goes on from what was told.
      const isOver = concernsOne(toTargetError(error, address.Bucket, address.Key));
      if (isOver || !upload.isRemembered) await upload.giveUp();
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
    const { UploadId } = await this.#s3.send(start, { abortSignal: signal });
    if (UploadId !== undefined) return UploadId;
    throw new StoreUnavailableError(`the upload of ${address.Key} was answered without an id; try again`);
  }
}

/** The target of a symbolic link is the content of its object. */
function asObject(link: SourceEntry): readonly [SourceEntry, readonly Uint8Array[]] {
  const target = findLinkTarget(link);
  if (target === undefined)
    throw new RestorePathError(
      Buffer.from(link.path).toString('utf8'),
      'it is a link whose target is missing or has a NUL',
    );
  return [{ ...link, size: target.length }, [target]];
}

/** Hashes content in stretches of `partBytes`, the last one shorter. */
async function* hashParts(content: RestoredContent, partBytes: number): AsyncGenerator<Hash> {
  let hash = createHash('md5');
  let filled = 0;
  for await (const piece of content) {
    for (let taken = 0; taken < piece.length;) {
      const step = Math.min(piece.length - taken, partBytes - filled);
      hash.update(piece.subarray(taken, taken + step));
      taken += step;
      filled += step;
      if (filled < partBytes) continue;
      yield hash;
      hash = createHash('md5');
      filled = 0;
    }
  }
  if (filled > 0) yield hash;
}

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
