import { chownSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';

const nobody = 65_534;

/**
 * Goes on with the running test as a user who is not root, for whom modes mean something; nothing to do where tests run
 * as one anyway. What lies in the directories becomes that user's.
 */
export function becomeOrdinaryUser(...directories: readonly string[]): void {
  if (process.geteuid?.() !== 0) return;
  for (const directory of directories) {
    chownSync(directory, nobody, nobody);
    for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' }))
      chownSync(path.join(directory, name), nobody, nobody);
  }
  process.setegid?.(nobody);
  process.seteuid?.(nobody);
  // Before the directories are removed: as root again, which may remove what lies in read-only ones.
  onTestFinished(() => {
    process.seteuid?.(0);
    process.setegid?.(0);
  });
}
