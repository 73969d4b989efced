import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';

/** A new empty directory that is removed after the running test; also from within `beforeEach`. */
export function makeTempDir(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'holdfast-node-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
