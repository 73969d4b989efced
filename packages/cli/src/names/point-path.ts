import { UsageError } from '../terminal/errors.ts';

export const pathWord = 'or behind the name: i-0123…:/etc/passwd';

/** A point or resource, and a path in it, as they were typed. */
export interface PointPath {
  readonly name: string;
  readonly path: string | undefined;
}

/**
 * Takes a name with a path behind a colon apart: `i-0123…:/etc/passwd`, `vol-0123…:C:\\Users`. Names have colons of
 * their own, so the path has to begin like one of a machine. That of a directory is never taken apart: it is a path.
 * @param path - as a word of its own, where it was given.
 * @throws {@link UsageError} a path is given twice.
 */
export function parsePointPath(text: string, path?: string): PointPath {
  const behind = text.startsWith('holdfast:')
    ? undefined
    : /^(?<name>.+?):(?<path>[\\/].*|[a-z]:(?:[\\/].*)?|vol-[0-9a-f]+(?:p\d+)?(?:\/.*)?)$/is.exec(text)
        ?.groups;
  if (behind === undefined) return { name: text, path };
  if (path === undefined) return { name: behind['name'] ?? '', path: behind['path'] };
  throw new UsageError(`"${text}" has a path; leave "${path}" out`);
}
