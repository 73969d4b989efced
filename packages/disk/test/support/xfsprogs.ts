import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, readlinkSync, truncateSync, writeFileSync } from 'node:fs';

/** The folders of the programs on Debian, and what lets them make file systems below 300 MB, as their own tests do. */
const env = {
  ...process.env,
  PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
  TEST_DIR: '1',
  TEST_DEV: '1',
  QA_CHECK_FS: '1',
};

export interface XfsImageOptions {
  /** In bytes. @default 16 MiB */
  readonly size?: number;
  /** Directory whose tree is put into it. No name may have white space, as the program could not read it. */
  readonly tree?: string;
  /** More lines of its list of files: `pipe p--644 0 0`. */
  readonly lines?: readonly string[];
  /** More options of `mkfs.xfs`. */
  readonly options?: readonly string[];
  /** Commands of `xfs_db`, run in order. */
  readonly commands?: readonly string[];
}

/** Makes an image with the file system's own programs. */
export function makeXfsImage(
  file: string,
  { size = 16 * 2 ** 20, tree, lines = [], options = [], commands = [] }: XfsImageOptions = {},
): string {
  const list = [
    ...(tree === undefined ? [] : linesOf(Buffer.from(tree))),
    ...lines.map((line) => Buffer.from(line)),
  ];
  const all = [Buffer.from('list\n0 0\nd--755 0 0'), ...list, Buffer.from('$\n')];
  writeFileSync(`${file}.list`, Buffer.concat(all.flatMap((line) => [line, Buffer.from('\n')])));
  writeFileSync(file, '');
  truncateSync(file, size);
  execFileSync('mkfs.xfs', ['-q', '-p', `${file}.list`, ...options, file], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (commands.length > 0) xfsDb(file, commands);
  return file;
}

/** The output of commands of `xfs_db`, which may change the image. */
export function xfsDb(file: string, commands: readonly string[]): string {
  return execFileSync('xfs_db', ['-x', ...commands.flatMap((command) => ['-c', command]), file], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 28,
  });
}

/** A number that `xfs_db` prints as `name = value`. */
export function numberOf(file: string, commands: readonly string[], name: string): number {
  const line = xfsDb(file, [...commands, `print ${name}`])
    .split('\n')
    .find((text) => text.startsWith(`${name} = `));
  return Number(/= (0x[0-9a-f]+|\d+)/.exec(line ?? '')?.[1]);
}

/** The place of an inode in an image of one group. */
export function inodeAt(file: string, name: string): number {
  const [, number] = /^current inode number is (\d+)/m.exec(xfsDb(file, [`path /${name}`, 'inode'])) ?? [];
  return Number(number) * numberOf(file, ['sb 0'], 'inodesize');
}

/** The place in an image of one group of the first block from a place on that a file's content or attributes have. */
export function blockAt(
  file: string,
  name: string,
  from = 0,
  fork: 'content' | 'attributes' = 'content',
): number {
  const map = xfsDb(file, [`path /${name}`, fork === 'content' ? 'bmap' : 'bmap -a']);
  for (const [, ...numbers] of map.matchAll(/offset (\d+) startblock (\d+) \(\S+ count (\d+)/g)) {
    const [offset = 0, block = 0, count = 0] = numbers.map(Number);
    const into = Math.max(0, from - offset);
    if (into < count) return (block + into) * numberOf(file, ['sb 0'], 'blocksize');
  }
  throw new Error(`${name} has no ${fork} from block ${from} on: ${map}`);
}

/** A tree as the list that `mkfs.xfs` reads. */
function linesOf(directory: Buffer): Buffer[] {
  return readdirSync(directory, { encoding: 'buffer' }).flatMap((name) => {
    const full = Buffer.concat([directory, Buffer.from('/'), name]);
    const stat = lstatSync(full);
    const { mode, uid, gid } = stat;
    const line = (type: string, after: Buffer): Buffer => {
      const rights = `${type}${flag(mode, 0o4000, 'u')}${flag(mode, 0o2000, 'g')}${(mode & 0o777).toString(8).padStart(3, '0')}`;
      return Buffer.concat([name, Buffer.from(` ${rights} ${uid} ${gid} `), after]);
    };
    if (stat.isDirectory()) return [line('d', Buffer.alloc(0)), ...linesOf(full), Buffer.from('$')];
    if (stat.isSymbolicLink()) return [line('l', readlinkSync(full, { encoding: 'buffer' }))];
    return [line('-', full)];
  });
}

function flag(mode: number, bit: number, letter: string): string {
  return (mode & bit) === 0 ? '-' : letter;
}
