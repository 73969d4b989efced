import type { NodeKind } from './file-system.ts';

const byMode: Readonly<Record<number, NodeKind>> = {
  0x1: 'fifo',
  0x2: 'character-device',
  0x4: 'directory',
  0x6: 'block-device',
  0x8: 'file',
  0xa: 'link',
  0xc: 'socket',
};

const byEntry: readonly (NodeKind | undefined)[] = [
  undefined,
  'file',
  'directory',
  'character-device',
  'block-device',
  'fifo',
  'socket',
  'link',
];

/** The kind that is in the upper bits of a mode. */
export function kindOfMode(mode: number): NodeKind | undefined {
  return byMode[mode >>> 12];
}

/** The kind as directories of ext and XFS say it. */
export function kindOfEntry(type: number): NodeKind | undefined {
  return byEntry[type];
}
