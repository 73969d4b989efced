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
  const isDirectory = raw.endsWith('/');
  const parts = (isDirectory ? raw.slice(0, -1) : raw).split('/');
  const refuse = (why: string): never => {
    throw new RestorePathError(shownPath(path), why);
  };
  if (raw === '') refuse('it is empty');
  if (raw.includes('\0')) refuse('it contains a NUL, which no file name can');
  if (raw.startsWith('/')) refuse('it is absolute; restore it to a bucket');
  if (parts.includes('')) refuse('it has an empty part between two slashes; restore it to a bucket');
  if (parts.includes('.') || parts.includes('..'))
    refuse('it has a part "." or ".."; restore it to a bucket');
  const name = parts.pop() ?? '';
  return { parent: parts.join('/') as RawPath, name: name as RawPath, isDirectory };
}
