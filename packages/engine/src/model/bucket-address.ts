export const bucketNamePattern = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

export interface BucketAddress {
  readonly bucket: string;
  /** Ends with "/"; empty where the address is of the bucket alone. */
  readonly folder: string;
}

/** Takes `s3://bucket/folder` or a bucket's ARN apart. @returns `undefined` for anything else, such as a plain name. */
export function findBucketAddress(text: string): BucketAddress | undefined {
  const [, bucket, key = ''] = /^(?:s3:\/\/|arn:[\w-]+:s3:::)([^/]+)\/?(.*)$/.exec(text) ?? [];
  if (bucket === undefined) return undefined;
  return { bucket, folder: key === '' || key.endsWith('/') ? key : `${key}/` };
}
