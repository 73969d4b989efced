import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { WorkStore } from '@holdfast/engine';
import { objectAnswerOf, toStoreError } from './s3-errors.ts';
import { errorName, httpStatus } from '../sdk/sdk-errors.ts';

/** Scratch space in the work bucket. Encrypted by the bucket, unlocked, swept by its lifecycle rule. */
export class S3WorkStore implements WorkStore {
  readonly #s3: S3Client;
  readonly #bucket: string;

  constructor(s3: S3Client, bucket: string) {
    this.#s3 = s3;
    this.#bucket = bucket;
  }

  async put(name: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    const command = new PutObjectCommand({ Bucket: this.#bucket, Key: name, Body: body });
    await objectAnswerOf(this.#s3.send(command, { abortSignal: signal }), name);
  }

  async putNew(name: string, body: Uint8Array, signal?: AbortSignal): Promise<'written' | 'taken'> {
    try {
      // A write that the SDK repeats after a lost answer finds its own object: the caller reads what is there.
      await this.#s3.send(
        new PutObjectCommand({ Bucket: this.#bucket, Key: name, Body: body, IfNoneMatch: '*' }),
        { abortSignal: signal },
      );
      return 'written';
    } catch (error) {
      if (errorName(error) === 'PreconditionFailed' || httpStatus(error) === 412) return 'taken';
      throw toStoreError(error, name);
    }
  }

  async get(name: string, signal?: AbortSignal): Promise<Uint8Array> {
    const command = new GetObjectCommand({ Bucket: this.#bucket, Key: name });
    const read = async (): Promise<Uint8Array> => {
      const { Body } = await this.#s3.send(command, { abortSignal: signal });
      return (await Body?.transformToByteArray()) ?? new Uint8Array();
    };
    return objectAnswerOf(read(), name);
  }
}
