import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The module of backup and restore workers lies beside this one, in the same form. So it is found in the checkout and
 * in a bundle that has `directory-worker` as an entry of its own.
 */
export const directoryWorkerModule = new URL(
  `./directory-worker${extname(fileURLToPath(import.meta.url))}`,
  import.meta.url,
);
