import * as z from 'zod';

/** What can be backed up. */
export const ResourceKind = z.enum(['s3-bucket', 'ec2-instance', 'ebs-volume', 'directory']);
export type ResourceKind = z.infer<typeof ResourceKind>;

/** Whether a resource is backed up as EBS snapshots of its volumes, and not file by file. */
export function isImageKind(kind: ResourceKind): boolean {
  return kind === 'ec2-instance' || kind === 'ebs-volume';
}
