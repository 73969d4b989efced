import type { RestoreTarget } from '../ports/restore-target.ts';

/** A target of which several ranges are written by one process: it is finished after the last of them, by the caller. */
export function unfinished(target: RestoreTarget): RestoreTarget {
  return {
    naming: target.naming,
    write: async (...args) => target.write(...args),
    accepts: async (...args) => target.accepts(...args),
    finish: async () => Promise.resolve([]),
  };
}
