import type { IncomingMessage } from 'node:http';
import type { AwsRequest } from './aws-request.ts';

const operations: ReadonlySet<string> = new Set(['PutObject', 'CreateMultipartUpload']);

/** Gives an object whose writer names no type the one that S3 gives it: MiniStack has another. */
export function addDefaultContentType(
  { operation }: AwsRequest,
  { headers, rawHeaders }: IncomingMessage,
): void {
  if (operations.has(operation) && headers['content-type'] === undefined)
    rawHeaders.push('Content-Type', 'binary/octet-stream');
}
