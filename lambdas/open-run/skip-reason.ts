import type { BackupType, ResourceRow } from '@holdfast/engine';

/** Why a cycle of a type has nothing to do for a kind of resource, or `undefined` if it has. */
export function skipReason(kind: ResourceRow['kind'], type: BackupType): string | undefined {
  const isImage = kind === 'ec2-instance' || kind === 'ebs-volume';
  if (!isImage || type !== 'synthetic-full') return undefined;
  return 'an image consists of snapshots, which each are whole by themselves; a synthetic full of it is not supported';
}
