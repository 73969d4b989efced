import { DiskUnsupportedError, type FileNode } from '@holdfast/disk';
import { expect, test } from 'vitest';
import { entryOfNode } from '../../src/restore/node-entry.ts';

test('a file with an attribute that cannot be given comes without any, and that is told of', async () => {
  const node: Partial<FileNode> = {
    id: 64,
    kind: 'file',
    bytes: 5,
    mode: 0o644,
    owner: { uid: 0, gid: 0 },
    modifiedAt: 0n,
    changedAt: 0n,
    attributes: async () => {
      throw new DiskUnsupportedError('a stream of 102400 bytes as an attribute');
    },
  };

  const file = await entryOfNode(Buffer.from('a'), node as FileNode, undefined);

  expect(file).toMatchObject({ entry: { kind: 'file', size: 5 }, unkept: ['xattrs'] });
});
