import {
  type Clock,
  type FileSource,
  NotSupportedError,
  type RandomBytes,
  type ResourceArn,
  type ResourceRow,
} from '@holdfast/engine';
import type { Plan } from '@holdfast/engine/model';
import type { S3Client } from '@aws-sdk/client-s3';
import { bucketOfArn } from '../sdk/resource-arns.ts';
import { S3FileSource } from './s3-file-source.ts';

export interface SourceOpener {
  readonly s3: S3Client;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/**
 * Opens the files of a resource, as far as its plan protects them.
 * @throws {@link NotSupportedError} the resource has no files that can be read from here.
 */
export function openSource(
  { s3, clock, random }: SourceOpener,
  resource: { readonly arn: ResourceArn; readonly kind: ResourceRow['kind'] },
  plan: Pick<Plan, 'prefixes'>,
): FileSource {
  switch (resource.kind) {
    case 's3-bucket':
      return new S3FileSource(s3, bucketOfArn(resource.arn), clock, random, { prefixes: plan.prefixes });
    case 'directory':
      throw new NotSupportedError(
        `${resource.arn} is a directory of a host, which AWS cannot read; this version has no agent: tag a bucket, an instance or a volume instead`,
      );
    case 'ec2-instance':
    case 'ebs-volume':
      throw new NotSupportedError(`${resource.arn} is protected as an image; it has no files to list`);
  }
}
