import { utf8 } from '../bytes.ts';
import { InvalidInputError } from '../errors.ts';
import { joinRanges, pathKeys, prefixKeys, type KeyRange } from '../manifest/tuple-key.ts';

/**
 * The ranges of keys that a selection of paths stands for, ascending and without overlap. A path that ends in `/`
 * stands for everything below it, any other one for exactly that entry. No paths = everything.
 * @throws {@link InvalidInputError} an empty path.
 */
export function selectKeys(paths: readonly string[] | undefined): readonly KeyRange[] {
  if (paths === undefined) return [{}];
  return joinRanges(
    paths.map((path) => {
      if (path === '')
        throw new InvalidInputError('a path to restore is empty; leave "paths" out to restore everything');
      return path.endsWith('/') ? prefixKeys(utf8(path)) : pathKeys(utf8(path));
    }),
  );
}
