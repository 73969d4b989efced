import { randomBytes } from 'node:crypto';

import type { Clock, RandomBytes } from '@holdfast/engine';

/** Sleeping keeps the process alive. */
export const systemClock: Clock = {
  now: () => new Date(),
  elapsedMs: () => performance.now(),
  sleep: (ms, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return promise;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
    return promise;
  },
};

/** Random bytes of the operating system, fit for keys. */
export const systemRandom: RandomBytes = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
};
