import { InvalidInputError } from '@holdfast/engine';

/** ARNs of the kinds of resources that a tag selects; the group is the resource's own name. */
const patterns = {
  's3-bucket': /^arn:[\w-]+:s3:::([^/]+)$/,
  'ec2-instance': /^arn:[\w-]+:ec2:[\w-]+:\d{12}:instance\/(i-\w+)$/,
  'ebs-volume': /^arn:[\w-]+:ec2:[\w-]+:\d{12}:volume\/(vol-\w+)$/,
} as const;
export type TaggedKind = keyof typeof patterns;

export function kindOfArn(arn: string): TaggedKind | undefined {
  return (Object.keys(patterns) as TaggedKind[]).find((kind) => patterns[kind].test(arn));
}

/** @throws {@link InvalidInputError} it is not the ARN of a bucket. */
export function bucketOfArn(arn: string): string {
  return nameIn(arn, 's3-bucket', 'a bucket, arn:aws:s3:::name');
}

/** @throws {@link InvalidInputError} it is not the ARN of an instance. */
export function instanceOfArn(arn: string): string {
  return nameIn(arn, 'ec2-instance', 'an instance, arn:aws:ec2:…:instance/i-…');
}

/** @throws {@link InvalidInputError} it is not the ARN of a volume. */
export function volumeOfArn(arn: string): string {
  return nameIn(arn, 'ebs-volume', 'a volume, arn:aws:ec2:…:volume/vol-…');
}

function nameIn(arn: string, kind: TaggedKind, what: string): string {
  const name = patterns[kind].exec(arn)?.[1];
  if (name === undefined) throw new InvalidInputError(`"${arn}" is not the ARN of ${what}; correct it`);
  return name;
}
