import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TestProject } from 'vitest/node';
import { buildWorker } from '../../scripts/build-entry.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** URL of the module of backup and restore workers, as it is published. */
    directoryWorker: string;
  }
}

/**
 * Bundles the module that backup and restore workers load, once for all tests: as hundreds of modules, it takes a thread
 * five times as long to start.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-worker-'));
  // Tests of rights read it as another user.
  await chmod(directory, 0o755);
  await buildWorker(directory);
  project.provide('directoryWorker', pathToFileURL(join(directory, 'directory-worker.js')).href);
  return () => rm(directory, { recursive: true, force: true });
}
