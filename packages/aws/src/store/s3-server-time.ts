import { HeadBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import { type Clock, StoreUnavailableError } from '@holdfast/engine';
import { headBucket } from './s3-head.ts';
import type { OwnedBucket } from './s3-listing.ts';
import { toEngineError } from '../sdk/sdk-errors.ts';

const cachedForMs = 5000;

/** S3's clock, read from the Date header of a cheap answer: whole seconds, asked for again every five seconds. */
export class S3ServerTime {
  readonly #s3: S3Client;
  readonly #bucket: OwnedBucket;
  readonly #clock: Clock;
  readonly #toError: (error: unknown) => unknown;
  #known: { readonly serverMs: number; readonly elapsedMs: number } | undefined;

  /** @param toError - the meaning of a refusal to whoever asks. @default a refused call */
  constructor(
    s3: S3Client,
    bucket: OwnedBucket,
    clock: Clock,
    toError = (error: unknown) => toEngineError(error, `asking bucket ${bucket.Bucket} for the time`),
  ) {
    this.#s3 = s3;
    this.#bucket = bucket;
    this.#clock = clock;
    this.#toError = toError;
  }

  /** @throws {@link StoreUnavailableError} S3 did not answer, or answered without a date. */
  async now(): Promise<Date> {
    if (this.#known === undefined || this.#clock.elapsedMs() - this.#known.elapsedMs > cachedForMs) {
      this.#known = { serverMs: await this.#ask(), elapsedMs: this.#clock.elapsedMs() };
    }
    const { serverMs, elapsedMs } = this.#known;
    return new Date(Math.floor((serverMs + this.#clock.elapsedMs() - elapsedMs) / 1000) * 1000);
  }

  async #ask(): Promise<number> {
    const command = new HeadBucketCommand(this.#bucket);
    let date: string | undefined;
    command.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        date = dateHeader(result.response);
        return result;
      },
      // Low: next to the wire, where the response still has its headers.
      { step: 'deserialize', priority: 'low', name: 'readDateHeader' },
    );
    await headBucket(this.#s3, this.#bucket, command).catch((error: unknown) => {
      throw this.#toError(error);
    });
    const serverMs = Date.parse(date ?? '');
    if (Number.isNaN(serverMs)) {
      throw new StoreUnavailableError(
        `bucket ${this.#bucket.Bucket} answered without a date (${date ?? 'no header'}); check what is between it and here`,
      );
    }
    return serverMs;
  }
}

function dateHeader(response: unknown): string | undefined {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined;
  const { headers } = response;
  if (typeof headers !== 'object' || headers === null || !('date' in headers)) return undefined;
  return typeof headers.date === 'string' ? headers.date : undefined;
}
