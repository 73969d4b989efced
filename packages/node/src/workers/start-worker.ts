import { parentPort } from 'node:worker_threads';
import { commandIn, CompiledModules } from '../compiled/compiled-modules.ts';

/** From a thread's first message on: by then it has called most of what it will call, even if it ends soon. */
const keepAfterMs = 150;

// Takes the place of directory-worker.ts in the package: loads it with what earlier threads compiled of it.
const kind = `${commandIn(process.argv.slice(2))}-thread`;
const modules = new CompiledModules({ directory: import.meta.dirname, kind });
parentPort?.once('message', () => setTimeout(() => modules.keep(), keepAfterMs).unref());
modules.load('directory-worker-modules.js');
