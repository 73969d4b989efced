import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

/** The folders of the programs on Debian, which the PATH of most users leaves out. */
const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };

export interface NtfsImageOptions {
  /** As `truncate` takes it. @default 4M */
  readonly size?: string;
  /** @default 4096 */
  readonly clusterBytes?: number;
  /** @default 512 */
  readonly sectorBytes?: number;
  /** More options of `mkntfs`. */
  readonly options?: readonly string[];
  /** Content of files of the root, by their names. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/** Makes an image with the programs of ntfs-3g, which cannot make directories without a mount. */
export function makeNtfsImage(
  file: string,
  { size = '4M', clusterBytes = 4096, sectorBytes = 512, options = [], files = {} }: NtfsImageOptions = {},
): string {
  run('truncate', ['-s', size, file]);
  const geometry = ['-p', '0', '-H', '0', '-S', '0', '-s', `${sectorBytes}`, '-c', `${clusterBytes}`];
  run('mkntfs', ['-F', '-Q', ...geometry, ...options, file]);
  for (const [name, bytes] of Object.entries(files)) copyIntoNtfs(file, name, bytes);
  return file;
}

/** Makes a file, or gives it another content. */
export function copyIntoNtfs(file: string, name: string, bytes: Uint8Array): void {
  const content = `${file}.content`;
  writeFileSync(content, bytes);
  run('ntfscp', ['-q', file, content, name]);
  rmSync(content);
}

/** Content of a file as `ntfscat` reads it. */
export function askNtfscat(file: string, name: string, stream?: string): Buffer {
  const ofStream = stream === undefined ? [] : ['-n', stream];
  return execFileSync('ntfscat', ['-q', ...ofStream, file, name], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 2 ** 28,
  });
}

/** An image that was made by `ntfs/make-images.ts`. */
export function unpackImage(name: 'everything' | 'crowd' | 'small'): Buffer {
  return brotliDecompressSync(readFileSync(path.join(import.meta.dirname, '../ntfs', `${name}.img.br`)));
}

function run(program: string, options: readonly string[]): void {
  execFileSync(program, options, { env, stdio: ['ignore', 'ignore', 'pipe'] });
}
