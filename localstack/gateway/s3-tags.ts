import type { IncomingHttpHeaders } from 'node:http';
import type { AwsRequest } from './aws-request.ts';
import { errorReply } from './faults/error-replies.ts';
import type { Reply } from './reply.ts';

const allowed = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
const entities: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
};

/**
 * Refuses tags with characters that S3 does not take, but the emulator behind may.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/tagging-managing.html
 */
export function refuseS3Tags(
  request: AwsRequest,
  headers: IncomingHttpHeaders,
  body: Uint8Array | undefined,
): Reply | undefined {
  if ([...new URLSearchParams(String(headers['x-amz-tagging'] ?? ''))].flat().some(isRefused)) {
    const message =
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters";
    return errorReply(request, 400, 'InvalidArgument', `${message} without tag name duplicates.`);
  }
  const refused = body && textsIn(Buffer.from(body).toString('utf8')).find(isRefused);
  if (refused === undefined) return undefined;
  return errorReply(request, 400, 'InvalidTag', 'The TagValue you have provided is invalid');
}

function isRefused(text: string): boolean {
  return !allowed.test(text);
}

function textsIn(xml: string): string[] {
  return [...xml.matchAll(/<(?:Key|Value)>([^<]*)</g)].map(([, text = '']) =>
    text.replaceAll(/&\w+;/g, (entity) => entities[entity] ?? entity),
  );
}
