import { RestorePathError } from '@holdfast/engine';

import { rawPathOf, shownPath } from '../source/raw-path.ts';
import type { RawPath } from '../source/raw-path.ts';

export interface RestorePath {
  /** Directory below the root, with no `/` at its end; empty for the root itself. */
  readonly parent: RawPath;
  readonly name: RawPath;
  /** True when the path had a `/` at its end: a directory, or a bucket's folder marker. */
  readonly isDirectory: boolean;
}

/**
 * Takes an entry's path apart. One `/` at the end is allowed; nothing else that a file system would interpret is.
 * @throws {@link RestorePathError} the path is empty or absolute, has an empty, `.` or `..` part, or a NUL.
 */
export function restorePathOf(path: Uint8Array): RestorePath {
  const raw = rawPathOf(path);
  if (raw === '' || unusual.test(raw)) refuse(path, raw);
  const isDirectory = raw.endsWith('/');
  const end = isDirectory ? raw.length - 1 : raw.length;
  const slash = raw.lastIndexOf('/', end - 1);
  return {
    parent: raw.slice(0, Math.max(0, slash)) as RawPath,
    name: raw.slice(slash + 1, end) as RawPath,
    isDirectory,
  };
}

/** Paths that {@link refuse} refuses. */
const unusual = /^\/|\/\/|\0|(?:^|\/)\.\.?(?:\/|$)/;

function refuse(path: Uint8Array, raw: RawPath): never {
  const fail = (why: string): never => {
    throw new RestorePathError(shownPath(path), why);
  };
  if (raw === '') return fail('it is empty');
  if (raw.includes('\0')) return fail('it contains a NUL, which no file name can');
  if (raw.startsWith('/')) return fail('it is absolute; restore it to a bucket');
  if (raw.includes('//')) return fail('it has an empty part between two slashes; restore it to a bucket');
  return fail('it has a part "." or ".."; restore it to a bucket');
}
