import * as z from 'zod';

export const ResourceKind = z.enum(['s3-bucket', 'ec2-instance', 'ebs-volume', 'directory']);
export type ResourceKind = z.infer<typeof ResourceKind>;

type ImageKind = 'ec2-instance' | 'ebs-volume';
export type FileKind = Exclude<ResourceKind, ImageKind>;

/** Images are backed up by the blocks of their volumes, and not file by file. */
export function isImageKind(kind: ResourceKind): kind is ImageKind {
  return kind === 'ec2-instance' || kind === 'ebs-volume';
}
