/** Chance as the engine sees it: cryptographically strong in production, seeded in tests. */
export interface RandomBytes {
  /** `count` fresh random bytes that the caller owns. */
  bytes(count: number): Uint8Array;
}
