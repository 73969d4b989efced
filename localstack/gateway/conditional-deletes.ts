import type { IncomingMessage } from 'node:http';
import type { AwsRequest } from './aws-request.ts';
import { errorReply } from './faults/error-replies.ts';
import type { Upstream } from './passthrough.ts';
import type { Reply } from './reply.ts';

/**
 * Decides the condition of a DeleteObject: an object that is another one by then, or gone, stays as it is. MiniStack takes
 * no notice of it, and LocalStack refuses every call that has one, so that it goes no further.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
 * @returns `undefined` when the call is for the emulator.
 */
export async function refuseChangedDelete(
  request: AwsRequest,
  message: IncomingMessage,
  upstream: Upstream,
): Promise<Reply | undefined> {
  const wanted = message.headers['if-match'];
  if (request.operation !== 'DeleteObject' || wanted === undefined) return undefined;
  const { statusCode, headers } = await upstream.head(request.path, message);
  if (statusCode === 404) return errorReply(request, 404, 'NoSuchKey', 'The specified key does not exist.');
  // S3 asks for s3:GetObject, too.
  if (statusCode === 403) return errorReply(request, 403, 'AccessDenied', 'Access Denied');
  if (statusCode !== 200) return errorReply(request, 500, 'InternalError', 'Please try again.');
  if (wanted === '*' || unquoted(wanted) === unquoted(headers.etag ?? '')) {
    const { rawHeaders } = message;
    rawHeaders.splice(
      rawHeaders.findIndex((name) => name.toLowerCase() === 'if-match'),
      2,
    );
    return undefined;
  }
  const text = 'At least one of the pre-conditions you specified did not hold';
  return errorReply(request, 412, 'PreconditionFailed', text, { Condition: 'If-Match' });
}

function unquoted(etag: string): string {
  return etag.replaceAll('"', '');
}
