import { open } from 'node:fs/promises';

import { errnoOf } from '../errno.ts';
import { isUnsupported } from '../file-system-calls.ts';

/**
 * Makes the names in a directory survive a power failure. Does nothing where a file system lacks such a call (FUSE,
 * shares of SMB): there is no other way, and most of them write names at once.
 */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (!isUnsupported(error) && errnoOf(error) !== 'EINVAL') throw error;
  } finally {
    await handle.close();
  }
}
