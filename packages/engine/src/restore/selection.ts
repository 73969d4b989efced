import { compareBytes, utf8 } from '../bytes.ts';
import { InvalidInputError } from '../errors.ts';
import { pathKeys, prefixKeys, type KeyRange } from '../manifest/tuple-key.ts';

/**
 * The ranges of keys that a selection of paths stands for, ascending and without overlap. A path that ends in `/`
 * stands for everything below it, any other one for exactly that entry. No paths = everything.
 * @throws {@link InvalidInputError} an empty path.
 */
export function selectKeys(paths: readonly string[] | undefined): KeyRange[] {
  if (paths === undefined) return [{}];
  const ranges = paths.map((path) => {
    if (path === '')
      throw new InvalidInputError('a path to restore is empty; leave "paths" out to restore everything');
    return path.endsWith('/') ? prefixKeys(utf8(path)) : pathKeys(utf8(path));
  });
  ranges.sort((a, b) => compareBytes(a.from, b.from));
  const joined: { from: Uint8Array; to: Uint8Array }[] = [];
  for (const range of ranges) {
    const last = joined.at(-1);
    if (last === undefined || compareBytes(range.from, last.to) > 0) joined.push({ ...range });
    else if (compareBytes(range.to, last.to) > 0) last.to = range.to;
  }
  return joined;
}
