/**
 * Makes the images that `written-by-linux.test.ts` reads, and says what Linux reads of them: `node write-by-linux.ts`, as
 * root, with `xfsprogs` and `attr`. Those that are kept were made by Linux 6.18 and xfsprogs 6.1.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  type BigIntStats,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { acl } from '../support/acl.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'xfs-'));
const mount = path.join(scratch, 'mount');
mkdirSync(mount);
const at = (...names: readonly string[]): string => path.join(mount, ...names);
const run = (program: string, ...options: readonly string[]): Buffer =>
  execFileSync(program, options, {
    env: { ...process.env, TEST_DIR: '1', TEST_DEV: '1', QA_CHECK_FS: '1' },
    maxBuffer: 2 ** 26,
  });

function withMounted(image: string, options: readonly string[], work: () => void): void {
  run('mount', '-o', ['loop', ...options].join(), image, mount);
  try {
    work();
  } finally {
    run('umount', mount);
  }
}

function make(name: string, ...options: readonly string[]): string {
  const image = path.join(scratch, name);
  writeFileSync(image, '');
  truncateSync(image, 16 * 2 ** 20);
  run('mkfs.xfs', '-q', ...options, image);
  return image;
}

function keep(image: string, name: string): void {
  const options = { params: { [constants.ZSTD_c_compressionLevel]: 19 } } as const;
  const kept = zstdCompressSync(readFileSync(image), options);
  writeFileSync(path.join(import.meta.dirname, name), kept);
}

interface Fragments {
  readonly blockBytes: number;
  readonly fragments: number;
}

function fill({ blockBytes, fragments }: Fragments): void {
  mkdirSync(at('etc', 'deep'), { recursive: true });
  writeFileSync(at('etc', 'passwd'), 'root:x:0:0\n', { mode: 0o640 });
  linkSync(at('etc', 'passwd'), at('same as passwd'));
  writeFileSync(Buffer.from(`${mount}/\xff\xfe latin`, 'latin1'), 'a name that is not UTF-8');
  symlinkSync('etc/passwd', at('link'));
  symlinkSync('long/'.repeat(200), at('long link'));
  run('mkfifo', at('pipe'));
  run('mknod', at('disk'), 'b', '8', '17');
  run('mknod', at('terminal'), 'c', '300', '70000');
  writeFileSync(at('times'), '');
  run('touch', '-m', '-d', '1950-01-01T00:00:00.123456789Z', at('times'));
  run('touch', '-a', '-d', '2100-01-01T00:00:00.999999999Z', at('times'));
  chownSync(at('times'), 4_000_000_000, 70_001);

  const io = (file: string, ...commands: readonly string[]): Buffer =>
    run('xfs_io', '-f', ...commands.flatMap((command) => ['-c', command]), at(file));
  const large = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index >>> 8));
  writeFileSync(at('large'), large);
  io('clone', `reflink ${at('large')}`, 'pwrite -S 0x61 50000 100');
  // More of the same blocks than the whole disk has.
  io(
    'many clones',
    ...Array.from({ length: 300 }, (_, index) => `reflink ${at('large')} 0 ${index * 65536} 65536`),
  );
  io('unwritten', 'falloc 4096 20480', 'pwrite -S 0x62 10000 10', 'truncate 40000');
  io(
    'fragments',
    ...Array.from(
      { length: fragments },
      (_, index) => `pwrite -q -S ${index % 251} ${index * 2 * blockBytes} ${blockBytes}`,
    ),
  );

  mkdirSync(at('gaps'));
  for (let index = 0; index < 400; index += 1) writeFileSync(at('gaps', `name of number ${index}`), '');
  for (let index = 50; index < 300; index += 1) unlinkSync(at('gaps', `name of number ${index}`));

  const set = (file: string, name: string, value: Buffer): Buffer =>
    run('setfattr', '-n', name, '-v', value.length === 0 ? '""' : `0x${value.toString('hex')}`, at(file));
  set('times', 'user.small', Buffer.from('value'));
  set('times', 'user.empty', Buffer.alloc(0));
  set('times', 'security.selinux', Buffer.from('system_u:object_r:etc_t:s0\0'));
  set('times', 'trusted.binary', Buffer.from([0, 1, 2, 255, 0]));
  set('etc/passwd', 'system.posix_acl_access', acl);
  set('etc/deep', 'system.posix_acl_default', acl);
  for (let index = 0; index < 12; index += 1)
    set('etc', `user.leaf ${index}`, Buffer.alloc(index * 9, 'leaf'));
  for (let index = 0; index < 300; index += 1)
    set('gaps', `user.node ${index}`, Buffer.alloc(40, `${index} `));
  set('large', 'user.far', Buffer.alloc(3000, 'far away'));
  set('large', 'user.farther', Buffer.alloc(60_000, 'farther'));
}

function linesBelow(directory: Buffer, into: string[]): string[] {
  for (const name of readdirSync(directory, { encoding: 'buffer' })) {
    const file = Buffer.concat([directory, Buffer.from('/'), name]);
    into.push(lineOf(file));
    if (lstatSync(file).isDirectory()) linesBelow(file, into);
  }
  return into;
}

/** Facts of a file as Linux says them, in the order in which the test says them. */
function lineOf(file: Buffer): string {
  const stat = lstatSync(file, { bigint: true });
  const kind = kindOf(stat);
  const content = stat.isFile()
    ? readFileSync(file)
    : stat.isSymbolicLink()
      ? readlinkSync(file, 'buffer')
      : '';
  const device = kind.endsWith('device')
    ? run('stat', '-c', '%Hr,%Lr', file.toString()).toString().trim()
    : '';
  return [
    [stat.ino, kind, stat.mode & 0o7777n, stat.uid, stat.gid, stat.nlink, stat.size, device],
    [stat.mtimeNs, stat.atimeNs, stat.ctimeNs, stat.birthtimeNs],
    createHash('sha256').update(content).digest('hex'),
    createHash('sha256').update(attributesOf(file).join('\n')).digest('hex'),
    JSON.stringify(file.subarray(mount.length + 1).toString('latin1')),
  ]
    .flat()
    .join(' ');
}

function kindOf(stat: BigIntStats): string {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'link';
  if (stat.isFIFO()) return 'fifo';
  return stat.isBlockDevice() ? 'block-device' : 'character-device';
}

/** Lines of `name=0x…`, in order. To Linux, access control lists are there twice. */
function attributesOf(file: Buffer): readonly string[] {
  const name = file.toString();
  // Names that are not UTF-8 cannot be given to a program from here; that file has none.
  if (!Buffer.from(name).equals(file)) return [];
  return run('getfattr', '-h', '-d', '-m', '-', '-e', 'hex', '--absolute-names', name)
    .toString()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('trusted.SGI_ACL'))
    .map((line) => (line.includes('=') ? line : `${line}=0x`))
    .sort();
}

/** Writes what Linux says of an image, in which a mount may replay the log. */
function say(image: string, name: string): void {
  withMounted(image, ['noatime'], () => {
    const lines = linesBelow(Buffer.from(mount), []).sort();
    writeFileSync(path.join(import.meta.dirname, name), `${lines.join('\n')}\n`);
  });
}

const written = make('written.img', '-b', 'size=1024', '-i', 'nrext64=1', '-L', 'by linux');
withMounted(written, [], () => fill({ blockBytes: 1024, fragments: 1500 }));
// An empty log takes less room; another mount writes to it again.
run('xfs_repair', '-L', '-o', 'force_geometry', written);
withMounted(written, [], () => writeFileSync(at('last'), 'last'));
keep(written, 'written-by-linux.img.zst');
say(written, 'written-by-linux.txt');

// The machine ends before anything but the log is written; what was there before is changed, and removed, in it.
const logged = make('logged.img');
withMounted(logged, [], () => {
  mkdirSync(at('before'));
  for (let index = 0; index < 300; index += 1) writeFileSync(at('before', `of before ${index}`), `${index}`);
});
withMounted(logged, [], () => {
  fill({ blockBytes: 4096, fragments: 200 });
  for (let index = 0; index < 200; index += 1) unlinkSync(at('before', `of before ${index}`));
  renameSync(at('before', 'of before 250'), at('etc', 'renamed'));
  writeFileSync(at('before', 'of before 260'), 'longer than it was before');
  const synced = Array.from({ length: 12 }, (_, index) => [
    '-c',
    `pwrite -q ${index * 100} 100`,
    '-c',
    'fsync',
  ]);
  run('xfs_io', ...synced.flat(), at('before', 'of before 270'));
  run('xfs_io', '-x', '-c', 'shutdown -f', mount);
});
keep(logged, 'logged-by-linux.img.zst');
say(logged, 'logged-by-linux.txt');
rmSync(scratch, { recursive: true });
