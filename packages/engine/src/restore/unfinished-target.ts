import type { RestoreTarget } from '../ports/restore-target.ts';

/** A target into which one process writes several ranges: its caller finishes it after the last of them. */
export function unfinished(target: RestoreTarget): RestoreTarget {
  return {
    naming: target.naming,
    write: async (...args) => target.write(...args),
    accepts: async (...args) => target.accepts(...args),
    finish: async () => Promise.resolve([]),
  };
}
