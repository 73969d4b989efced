/** The engine's public API. */

// Names, bytes and errors
export * from './errors.ts';
export * from './ids.ts';
export { compareBytes, equalBytes, fromHex, newId, toHex, utf8 } from './bytes.ts';
export { forEachConcurrent, mapConcurrent } from './map-concurrent.ts';

// Ports: what the engine needs from the world
export * from './ports/catalog.ts';
export * from './ports/chunk-index.ts';
export * from './ports/clock.ts';
export * from './ports/file-source.ts';
export * from './ports/keyring.ts';
export * from './ports/object-store.ts';
export * from './ports/progress.ts';
export * from './ports/random-bytes.ts';
export * from './ports/restore-target.ts';
export * from './ports/work-store.ts';
export type { ChunkLocation } from './packs/chunk-location.ts';
