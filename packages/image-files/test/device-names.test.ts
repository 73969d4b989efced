import { expect, test } from 'vitest';
import { findDevice, partitionPath } from '../src/device-names.ts';

const volumes = [
  { volume: 'vol-0a', device: '/dev/sda' },
  { volume: 'vol-0b', device: '/dev/sda1' },
  { volume: 'vol-0c', device: '/dev/nvme1n1' },
  { volume: 'vol-0d' },
  { volume: 'vol-0e', device: '/dev/sdf' },
  { volume: 'vol-0f', device: '/dev/xvdg' },
];

test.each([
  ['/dev/sda', 'vol-0a', undefined, undefined],
  ['/dev/sda2/etc', 'vol-0a', 2, 'etc'],
  ['/dev/sda1/etc', 'vol-0b', undefined, 'etc'],
  ['/dev/sda1p2/', 'vol-0b', 2, ''],
  ['/dev/nvme1n1p3/a\nb', 'vol-0c', 3, 'a\nb'],
  ['vol-0dp12/p1', 'vol-0d', 12, 'p1'],
  ['vol-0d/p1', 'vol-0d', undefined, 'p1'],
  ['/dev/xvdf1/etc', 'vol-0e', 1, 'etc'],
  ['/dev/sdg', 'vol-0f', undefined, undefined],
])('%j begins with volume %s, and its partition %s', (path, volume, partition, inner) => {
  expect(findDevice(volumes, path)).toMatchObject({ volume: { volume }, partition, inner });
});

test.each(['/dev/xvdh/etc', '/dev/sdfoo', '/etc', 'vol-0'])('%j begins with no volume', (path) => {
  expect(findDevice(volumes, path)).toBeUndefined();
});

test('the path of a partition leads back to it', () => {
  for (const name of ['/dev/sda', '/dev/sda1', '/dev/nvme1n1', 'vol-0d'])
    expect(findDevice(volumes, partitionPath(name, 3))).toMatchObject({ name, partition: 3 });
});

test('the disk of a device with a number may be the disk that Linux has without it', () => {
  const root = [{ volume: 'vol-0b', device: '/dev/sda1' }];

  expect(findDevice(root, '/dev/xvda1/etc')).toMatchObject({ partition: 1, mayBeWhole: true });
  expect(findDevice(root, '/dev/xvda2/etc')).toMatchObject({ partition: 2, mayBeWhole: false });
});

test('a name of NVMe is taken for the only volume, and refused where there are several', () => {
  const [first, second] = [
    { volume: 'vol-0a', device: '/dev/xvda' },
    { volume: 'vol-0b', device: '/dev/sdb' },
  ];

  expect(findDevice([first], '/dev/nvme0n1p2/etc')).toMatchObject({
    volume: first,
    partition: 2,
    inner: 'etc',
  });
  expect(() => findDevice([first, second], '/dev/nvme0n1p2/etc')).toThrow(
    'begin with one of /dev/xvda, /dev/sdb',
  );
});
