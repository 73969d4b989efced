import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A directory of its own for a test file, which removes it afterwards. */
export function makeScratch(): { readonly path: string; readonly remove: () => void } {
  const directory = mkdtempSync(path.join(tmpdir(), 'disk-'));
  return { path: directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
