import { fromUtf8 } from '../bytes.ts';
import type { Root } from './root.ts';
import { unreadOf } from './unread.ts';

/**
 * The paths that a point lacks because they could not be read, as far as its root names them: it spells out the first
 * 1,000 warnings. They include everything below a directory that could not be listed.
 */
export class MissingPaths {
  readonly #paths = new Set<string>();
  readonly #hasDirectories: boolean;
  readonly #isComplete: boolean;

  constructor(root: Pick<Root, 'resourceKind' | 'unread' | 'warnings' | 'warningList'>) {
    for (const { path, reason, unread } of root.warningList) {
      const isMissing = root.unread === undefined ? reason !== 'vanished' : unread === 'missing';
      if (isMissing) this.#paths.add(path);
    }
    // In a bucket a path that ends in a slash is an object like any other.
    this.#hasDirectories = root.resourceKind === 'directory';
    this.#isComplete = unreadOf(root).missing === 0 || root.warnings <= root.warningList.length;
  }

  /** @returns `unknown` where the root does not name all that is missing. */
  has(path: Uint8Array): boolean | 'unknown' {
    const text = fromUtf8(path);
    if (this.#paths.has(text) || (this.#hasDirectories && this.#hasAbove(text))) return true;
    return this.#isComplete ? false : 'unknown';
  }

  #hasAbove(text: string): boolean {
    if (this.#paths.size === 0) return false;
    for (let slash = text.indexOf('/'); slash >= 0; slash = text.indexOf('/', slash + 1))
      if (this.#paths.has(text.slice(0, slash + 1))) return true;
    return false;
  }
}
