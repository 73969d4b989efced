import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

export const fileSystems = ['ext4', 'XFS', 'NTFS'] as const;
export type FileSystemName = (typeof fileSystems)[number];

const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
const make: Readonly<Record<FileSystemName, readonly string[]>> = {
  ext4: ['mkfs.ext4', '-q', '-F'],
  XFS: ['mkfs.xfs', '-q', '-f'],
  NTFS: ['mkntfs', '-q', '-F', '-Q', '-p', '0', '-H', '0', '-S', '0', '-s', '512'],
};
/** NTFS by ntfs-3g, which writes everything that it can; the others by the kernel. */
const mount: Readonly<Record<FileSystemName, readonly string[]>> = {
  ext4: ['mount', '-o', 'loop'],
  XFS: ['mount', '-o', 'loop'],
  NTFS: ['ntfs-3g'],
};

/** Makes an empty file system on a sparse file. */
export function makeFileSystem(name: FileSystemName, file: string, bytes: number): void {
  closeSync(openSync(file, 'w'));
  truncateSync(file, bytes);
  run([...make[name], file]);
}

/** @returns why file systems of a kind cannot be mounted here; undefined if they can. */
export function whyNotMounted(name: FileSystemName, scratch: string): string | undefined {
  if (process.geteuid?.() !== 0) return 'mounting takes root';
  const file = join(scratch, `${name}.try`);
  try {
    makeFileSystem(name, file, 320 * 2 ** 20);
    whileMounted(name, file, () => {});
    return undefined;
  } catch (error) {
    return (error as Error).message.trim().split('\n').at(-1);
  } finally {
    rmSync(file);
  }
}

export function whileMounted<Result>(
  name: FileSystemName,
  file: string,
  work: (directory: string) => Result,
): Result {
  const directory = `${file}.mount`;
  mkdirSync(directory, { recursive: true });
  run([...mount[name], file, directory]);
  let result: Result;
  try {
    result = work(directory);
  } finally {
    run(['umount', directory]);
  }
  return result;
}

function run([program = '', ...args]: readonly string[]): void {
  execFileSync(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
}
