import type * as fs from 'node:fs';

/** How a file system takes names. */
export interface Folding {
  /** Below this directory; elsewhere names are what they are. */
  root: string;
  /** What names have in common that are one. */
  fold: (name: string) => string;
  /** How a new name is stored. */
  store: (name: string) => string;
}

/** What the test at hand folds; nothing by default. */
export const folding: Folding = { root: '\0', fold: (name) => name, store: (name) => name };

type PathLike = string | Buffer;

/**
 * The calls of `node:fs` over a file system that takes some names for others, as APFS, HFS+, exFAT and SMB do: each part
 * of a path is replaced by the name in the real directory that folds alike, or by what would be stored.
 */
export function foldingFileSystem(real: typeof fs): typeof fs {
  const mapped = (given: PathLike): PathLike => {
    const text = typeof given === 'string' ? given : given.toString('utf8');
    if (!text.startsWith(`${folding.root}/`)) return given;
    let at = folding.root;
    for (const part of text.slice(at.length + 1).split('/')) {
      let names: string[] = [];
      try {
        names = real.readdirSync(at);
      } catch {
        // Nothing is there, or no directory.
      }
      const known = names.find((name) => folding.fold(name) === folding.fold(part));
      at = `${at}/${known ?? folding.store(part)}`;
    }
    return typeof given === 'string' ? at : Buffer.from(at, 'utf8');
  };
  const firstMapped =
    <Rest extends unknown[], Result>(call: (path: never, ...rest: Rest) => Result) =>
    (path: PathLike, ...rest: Rest): Result =>
      call(mapped(path) as never, ...rest);
  const bothMapped =
    <Rest extends unknown[], Result>(call: (from: never, to: never, ...rest: Rest) => Result) =>
    (from: PathLike, to: PathLike, ...rest: Rest): Result =>
      call(mapped(from) as never, mapped(to) as never, ...rest);
  const one = [
    'lstatSync',
    'statSync',
    'openSync',
    'mkdirSync',
    'unlinkSync',
    'rmSync',
    'readdirSync',
  ] as const;
  const more = ['opendirSync', 'readlinkSync', 'chmodSync', 'lutimesSync', 'lchownSync'] as const;
  const two = ['renameSync', 'linkSync'] as const;
  return {
    ...real,
    ...Object.fromEntries([...one, ...more].map((name) => [name, firstMapped(real[name] as never)])),
    ...Object.fromEntries(two.map((name) => [name, bothMapped(real[name] as never)])),
    symlinkSync: (target, path) => real.symlinkSync(target, mapped(path as PathLike)),
  };
}
