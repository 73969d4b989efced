import type { ArchiveClass } from '@holdfast/engine/model';

const names = {
  'glacier-instant': 'GLACIER_IR',
  'glacier-flexible': 'GLACIER',
  'deep-archive': 'DEEP_ARCHIVE',
} as const satisfies Record<ArchiveClass, string>;

export function storageClassOf(archiveClass: ArchiveClass): string {
  return names[archiveClass];
}
