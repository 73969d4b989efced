import { GetObjectCommand, type GetObjectCommandOutput, type S3Client } from '@aws-sdk/client-s3';
import { type ByteRange, type Clock, type RandomBytes, StoreUnavailableError } from '@holdfast/engine';
import { backOff } from '../sdk/backoff.ts';
import { keepMetadataNames } from '../store/s3-raw-headers.ts';
import { isAbort } from '../sdk/sdk-errors.ts';

/** Times in a row that a connection may break without a single byte having come. */
const fruitlessAttempts = 5;

export interface ContentRequest {
  readonly s3: S3Client;
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  /** All of it lies inside the object. */
  readonly range: ByteRange;
  /** The range is the whole object, which is read without a range. */
  readonly whole: boolean;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly signal?: AbortSignal | undefined;
  readonly toError: (error: unknown) => unknown;
}

/** Asks for the range from `skip` bytes on, in the state that the ETag names. */
export async function openContent(request: ContentRequest, skip = 0): Promise<GetObjectCommandOutput> {
  const { offset, length } = request.range;
  const command = new GetObjectCommand({
    Bucket: request.bucket,
    Key: request.key,
    IfMatch: request.etag,
    Range: request.whole && skip === 0 ? undefined : `bytes=${offset + skip}-${offset + length - 1}`,
  });
  keepMetadataNames(command);
  try {
    return await request.s3.send(command, { abortSignal: request.signal });
  } catch (error) {
    throw request.toError(error);
  }
}

/**
 * Yields the bytes of an opened range. A connection that breaks is replaced by one for the rest of the same state.
 * @throws {@link StoreUnavailableError} it broke several times in a row without a byte.
 */
export async function* readContent(
  request: ContentRequest,
  opened: GetObjectCommandOutput,
): AsyncIterable<Uint8Array> {
  const { length } = request.range;
  let answer = opened;
  let read = 0;
  let fruitless = 0;
  while (read < length) {
    const before = read;
    let broken: unknown;
    try {
      let early = bytesBefore(request, answer, before);
      for await (const piece of bodyOf(answer)) {
        const wanted = piece.subarray(early, early + length - read);
        early = Math.max(0, early - piece.length);
        read += wanted.length;
        if (wanted.length > 0) yield wanted;
        if (read === length) return;
      }
    } catch (error) {
      if (isAbort(error)) throw error;
      request.signal?.throwIfAborted();
      broken = error;
    }
    fruitless = read > before ? 0 : fruitless + 1;
    if (fruitless === fruitlessAttempts) {
      throw new StoreUnavailableError(
        `${request.key} of bucket ${request.bucket} broke off at byte ${request.range.offset + read} ` +
          `${fruitlessAttempts} times; try again later`,
        { cause: broken },
      );
    }
    await backOff(fruitless, request.clock, request.random, request.signal);
    answer = await openContent(request, read);
  }
}

/** Bytes to skip: a server may answer a range with the whole object (RFC 9110, section 14.2). */
function bytesBefore({ range, whole }: ContentRequest, answer: GetObjectCommandOutput, skip: number): number {
  if ((whole && skip === 0) || answer.ContentRange !== undefined) return 0;
  return range.offset + skip;
}

function bodyOf(answer: GetObjectCommandOutput): AsyncIterable<Uint8Array> {
  // In Node.js the body is a stream of buffers; its type covers browsers too.
  return (answer.Body ?? []) as AsyncIterable<Uint8Array>;
}
