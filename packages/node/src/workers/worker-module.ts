import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * The module of backup and restore workers lies beside this one, in the same form. So it is found in the checkout and
 * in a bundle that has `directory-worker` as an entry of its own.
 */
export const directoryWorkerModule = pathToFileURL(
  join(import.meta.dirname, `directory-worker${extname(import.meta.filename)}`),
);
