import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { sumOf } from './child.ts';

/** Regular files below a directory, as relative paths in the same order on every machine. */
export function listFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((child) => child.isFile())
    .map((child) => join(child.parentPath, child.name).slice(directory.length + 1))
    .sort();
}

export function measureTree(directory: string): { readonly files: number; readonly bytes: number } {
  const files = listFiles(directory);
  return { files: files.length, bytes: sumOf(files.map((path) => lstatSync(join(directory, path)).size)) };
}

/** @throws when two trees, or two files, differ in a name or a byte. */
export function compareTrees(expected: string, actual: string): void {
  execFileSync('diff', ['-rq', '--no-dereference', expected, actual], { stdio: 'inherit' });
}
