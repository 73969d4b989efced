import { lstatSync, mkdirSync, unlinkSync } from 'node:fs';

import { RestorePathError } from '@holdfast/engine';

import { errnoOf } from './errno.ts';
import { pathBytes, shownPath } from './raw-path.ts';
import type { RawPath } from './raw-path.ts';

/** Directories that are remembered as checked, so that a million of them do not fill the memory. */
const checkedMost = 100_000;

/**
 * The directories below a target's root: makes them, and makes sure that each is one. A symbolic link on the way is
 * never followed, whether it was restored or was there before.
 *
 * A directory is checked once. It stays one as far as this program goes: it puts nothing in the place of a directory.
 * Somebody else who can write into the target while a restore runs can still swap one for a link; restore into a
 * directory that only the restoring user can write to.
 */
export class TargetDirectories {
  readonly #root: RawPath;
  readonly #checked = new Set<string>();
  readonly #made = new Set<string>();

  constructor(root: RawPath) {
    this.#root = root;
  }

  /** Whether this object made the directory, so that nobody else's facts are changed by setting its. */
  hasMade(path: RawPath): boolean {
    return this.#made.has(path);
  }

  /**
   * Makes sure that a directory and all above it exist.
   * @throws {@link RestorePathError} one of them is something else; `replace` allows putting the directory itself, not
   *   those above it, in the place of a file or link.
   */
  ensure(path: RawPath, replace = false): 'made' | 'existed' {
    if (path === '' || this.#checked.has(path)) return 'existed';
    const slash = path.lastIndexOf('/');
    this.ensure((slash < 0 ? '' : path.slice(0, slash)) as RawPath);
    const full = pathBytes(`${this.#root}/${path}`);
    const outcome = this.#makeOne(path, full, replace);
    if (this.#checked.size >= checkedMost) this.#checked.clear();
    this.#checked.add(path);
    return outcome;
  }

  #makeOne(path: RawPath, full: Buffer, replace: boolean): 'made' | 'existed' {
    try {
      mkdirSync(full);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      if (lstatSync(full).isDirectory()) return 'existed';
      if (!replace) {
        throw new RestorePathError(
          shownPath(path),
          'something else than a directory is there; remove it, or restore elsewhere',
        );
      }
      unlinkSync(full);
      mkdirSync(full);
    }
    this.#made.add(path);
    return 'made';
  }
}
