import { inject } from 'vitest';

/** In place of the one of packages/node: the module as it is published. */
export const directoryWorkerModule = new URL(inject('directoryWorker'));
