import { parentPort } from 'node:worker_threads';
import { CompiledModules, kindOf } from '../compiled/compiled-modules.ts';

/** From a thread's first message on. A thread that ends earlier adds nothing. */
const keepAfterMs = 150;

// Takes the place of directory-worker.ts in the package: loads it with what earlier threads compiled of it.
const kind = `${kindOf(process.argv.slice(2))}-thread`;
const modules = new CompiledModules({ directory: import.meta.dirname, kind });
parentPort?.once('message', () => setTimeout(() => modules.keep(), keepAfterMs).unref());
modules.load('directory-worker-modules.js');
