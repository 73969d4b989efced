import type { ResourceRow } from '@holdfast/engine';
import { type BackupType, isImageKind } from '@holdfast/engine/model';

export function skipReason(kind: ResourceRow['kind'], type: BackupType): string | undefined {
  if (!isImageKind(kind) || type !== 'synthetic-full') return undefined;
  return 'an image consists of snapshots, which each are whole by themselves; a synthetic full of it is not supported';
}
