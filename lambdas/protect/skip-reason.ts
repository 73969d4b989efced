import type { ResourceRow } from '@holdfast/engine';
import { type BackupType, isImageKind, type Plan } from '@holdfast/engine/model';

/** The reason that a cycle of a type has nothing to do for a kind of resource; `undefined` if it has. */
export function skipReason(
  kind: ResourceRow['kind'],
  type: BackupType,
  plan: Plan | undefined,
): string | undefined {
  if (!isImageKind(kind) || type !== 'synthetic-full' || plan?.images.blocks === 'vault') return undefined;
  return (
    "the plan leaves an image's blocks in snapshots, which each are whole by themselves; a synthetic full is made of " +
    "blocks in the vault (images: { blocks: 'vault' })"
  );
}
