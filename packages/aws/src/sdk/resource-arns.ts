import { InvalidInputError } from '@holdfast/engine';

/** @throws {@link InvalidInputError} it is not the ARN of a bucket. */
export function bucketOfArn(arn: string): string {
  return partOf(arn, /^arn:[\w-]+:s3:::([^/]+)$/, 'a bucket, arn:aws:s3:::name');
}

/** @throws {@link InvalidInputError} it is not the ARN of an instance. */
export function instanceOfArn(arn: string): string {
  return partOf(
    arn,
    /^arn:[\w-]+:ec2:[\w-]+:\d{12}:instance\/(i-\w+)$/,
    'an instance, arn:aws:ec2:…:instance/i-…',
  );
}

/** @throws {@link InvalidInputError} it is not the ARN of a volume. */
export function volumeOfArn(arn: string): string {
  return partOf(
    arn,
    /^arn:[\w-]+:ec2:[\w-]+:\d{12}:volume\/(vol-\w+)$/,
    'a volume, arn:aws:ec2:…:volume/vol-…',
  );
}

function partOf(arn: string, pattern: RegExp, what: string): string {
  const part = pattern.exec(arn)?.[1];
  if (part === undefined) throw new InvalidInputError(`"${arn}" is not the ARN of ${what}; correct it`);
  return part;
}
