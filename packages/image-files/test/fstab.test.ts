import { expect, test } from 'vitest';
import { foreignMount, parseFstab } from '../src/fstab.ts';

test('an fstab is what is mounted at start, blanks in names and all', () => {
  const entries = parseFstab(`
# made by hand
LABEL=root\t/\text4\tdefaults,discard 0 1
UUID=1-2   /my\\040files/  xfs
/dev/xvdb none swap sw
/swapfile swap swap sw
/dev/xvdc /later ext4 noauto
/dev/xvdd /asked ext4 noauto,x-systemd.automount`);

  expect(entries).toEqual([
    { device: 'LABEL=root', mountPoint: '', type: 'ext4', options: ['defaults', 'discard'] },
    { device: 'UUID=1-2', mountPoint: '/my files', type: 'xfs', options: ['defaults'] },
    { device: '/dev/xvdd', mountPoint: '/asked', type: 'ext4', options: ['noauto', 'x-systemd.automount'] },
  ]);
});

test.each([
  ['fs-0123:/ /efs efs _netdev', 'a network mount (efs of fs-0123:/), which is on no volume'],
  ['10.0.0.1:/export /nfs nfs4', 'a network mount (nfs4 of 10.0.0.1:/export), which is on no volume'],
  ['//server/share /share cifs', 'a network mount (cifs of //server/share), which is on no volume'],
  ['/data/www /srv/www none bind', 'a bind mount: what is there is at /data/www'],
  ['tmpfs /tmp tmpfs size=1G', 'tmpfs, which is on no volume'],
  ['overlay /merged overlay lowerdir=/a,upperdir=/b', 'an overlay of other directories'],
  ['/images/a.iso /iso iso9660 loop', 'a disk image (/images/a.iso), whose files are not read'],
  ['/dev/vg0/root /data xfs', undefined],
  ['PARTLABEL=data /data xfs', undefined],
])('the mount of %j is named as what it is', (line, what) => {
  expect(parseFstab(line).map(foreignMount)).toEqual([what]);
});
