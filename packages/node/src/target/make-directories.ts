import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';

import { errnoOf } from '../errno.ts';

/**
 * Makes a directory, and those above it that are missing.
 *
 * Node's own way (`recursive: true`) never returns where a file system answers ENOENT although the parent is there, as
 * below `/proc`: it makes the parent, which exists, and tries again.
 */
export function makeDirectories(directory: string): void {
  const missing: string[] = [];
  for (let at = path.resolve(directory); !exists(at); at = path.dirname(at)) missing.push(at);
  for (const one of missing.reverse()) {
    try {
      mkdirSync(one);
    } catch (error) {
      // Another process may have made it meanwhile; a file in its place shows with the next one.
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
  }
}

function exists(directory: string): boolean {
  const stats = statSync(directory, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  if (stats.isDirectory()) return true;
  throw Object.assign(new Error(`ENOTDIR: not a directory, ${directory}`), { code: 'ENOTDIR' });
}
