import type {
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';

const metadataPrefix = 'x-amz-meta-';

/**
 * Sends `Expires` with a write as it is: S3 keeps any text, such as `0` or `never`, and the SDK takes nothing but a date.
 * @see https://github.com/aws/aws-sdk-js-v3/pull/5715
 */
export function sendExpires(
  command: PutObjectCommand | CreateMultipartUploadCommand,
  expires: string | undefined,
): void {
  if (expires === undefined) return;
  // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- tsc cannot call `add` of a union of stacks
  (command as PutObjectCommand).middlewareStack.add(
    (next) => async (args) => {
      headersOf(args.request)['expires'] = expires;
      return next(args);
    },
    // Before the signature, which covers it.
    { step: 'build', name: 'sendExpires' },
  );
}

/** Takes user metadata from the headers of an answer, whatever their names: the SDK's own record loses `__proto__`. */
export function keepMetadataNames(command: GetObjectCommand | HeadObjectCommand): void {
  // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- as above
  (command as GetObjectCommand).middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const named = Object.entries(headersOf(result.response))
        .filter(([name]) => name.startsWith(metadataPrefix))
        .map(([name, value]) => [name.slice(metadataPrefix.length), value] as const);
      if (named.length > 0 && result.output !== undefined) result.output.Metadata = Object.fromEntries(named);
      return result;
    },
    // High: away from the wire, where the answer has been read.
    { step: 'deserialize', priority: 'high', name: 'keepMetadataNames' },
  );
}

function headersOf(message: unknown): Record<string, string> {
  return (message as { readonly headers: Record<string, string> }).headers;
}
