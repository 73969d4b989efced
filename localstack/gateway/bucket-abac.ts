import type { AwsRequest } from './aws-request.ts';
import { errorReply } from './faults/error-replies.ts';
import { xmlReply, type Reply } from './reply.ts';

const tagging: ReadonlySet<string> = new Set(['PutBucketTagging', 'DeleteBucketTagging']);

/**
 * Attribute-based access control of buckets, which the emulators lack: keeps the switch, and refuses the old calls for
 * tags while it is on. TagResource of S3 Control goes on to the emulator. Policies are not evaluated.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/buckets-tagging-enable-abac.html
 */
export class BucketAbac {
  readonly #enabled = new Set<string>();

  /** @param body - of a call with a document; `undefined` for all others. */
  answer(request: AwsRequest, body: Uint8Array | undefined): Reply | undefined {
    const bucket = `${request.accountId} ${request.bucket}`;
    if (request.operation === 'GetBucketAbac')
      return xmlReply(200, abacStatus(this.#enabled.has(bucket) ? 'Enabled' : 'Disabled'));
    if (request.operation === 'PutBucketAbac') {
      const [, status] =
        /<Status>(Enabled|Disabled)<\/Status>/.exec(Buffer.from(body ?? []).toString()) ?? [];
      if (status === undefined)
        return errorReply(request, 400, 'MalformedXML', 'The XML you provided was not well-formed');
      if (status === 'Enabled') this.#enabled.add(bucket);
      else this.#enabled.delete(bucket);
      return { status: 200, headers: {}, body: '' };
    }
    if (!tagging.has(request.operation) || !this.#enabled.has(bucket)) return undefined;
    const text = 'ABAC is enabled on the bucket; use TagResource and UntagResource';
    return errorReply(request, 400, 'InvalidRequest', text);
  }
}

function abacStatus(status: string): string {
  return `<AbacStatus xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>${status}</Status></AbacStatus>`;
}
