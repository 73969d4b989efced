import { expect, test } from 'vitest';
import { parseImagePath, partitionPath } from '../src/image-path.ts';

const volumes = [
  { volume: 'vol-0a', device: '/dev/sda' },
  { volume: 'vol-0b', device: '/dev/sda1' },
  { volume: 'vol-0c', device: '/dev/nvme1n1' },
  { volume: 'vol-0d' },
];

test.each([
  ['/dev/sda', 'vol-0a', undefined, undefined],
  ['/dev/sda2/etc', 'vol-0a', 2, 'etc'],
  ['/dev/sda1/etc', 'vol-0b', undefined, 'etc'],
  ['/dev/sda1p2/', 'vol-0b', 2, ''],
  ['/dev/nvme1n1p3/a\nb', 'vol-0c', 3, 'a\nb'],
  ['vol-0dp12/p1', 'vol-0d', 12, 'p1'],
  ['vol-0d/p1', 'vol-0d', undefined, 'p1'],
])('%j begins with volume %s, and its partition %s', (path, volume, partition, inner) => {
  expect(parseImagePath(volumes, path)).toMatchObject({ volume, partition, inner });
});

test('the path of a partition leads back to it', () => {
  for (const name of ['/dev/sda', '/dev/sda1', '/dev/nvme1n1', 'vol-0d'])
    expect(parseImagePath(volumes, partitionPath(name, 3))).toMatchObject({ name, partition: 3 });
});
