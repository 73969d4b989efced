import type { Clock } from '../ports/clock.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import type { AllServices } from '../services.ts';
import { MemoryCatalog } from './memory-catalog.ts';
import { MemoryChunkIndex } from './memory-chunk-index.ts';
import { MemoryKeyring } from './memory-keyring.ts';
import { MemoryObjectStore } from './memory-object-store.ts';
import { MemoryWorkStore } from './memory-work-store.ts';

/** Makes the services of a vault in memory that has nothing in it yet. */
export function makeMemoryServices<C extends Clock, R extends RandomBytes>(clock: C, random: R) {
  return {
    clock,
    random,
    store: new MemoryObjectStore({ clock }),
    catalog: new MemoryCatalog(),
    index: new MemoryChunkIndex(),
    keyring: new MemoryKeyring(random),
    work: new MemoryWorkStore(),
    lockMode: 'governance',
  } as const satisfies AllServices;
}
