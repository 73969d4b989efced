/** Chance as the engine sees it: cryptographically strong in production, seeded in tests. */
export interface RandomBytes {
  bytes(count: number): Uint8Array;
}
