/** Smaller buffers may share their memory with others, and are no burden. */
const releasedFromBytes = 32 * 1024;

/**
 * Gives the memory of a buffer back at once. A worker that leaves megabytes for every chunk to the garbage collector
 * spends a tenth of its time there, and holds hundreds of megabytes of dead ones. Only for bytes that the caller made
 * itself and that nobody else has: every view of them is empty afterwards.
 */
export function releaseBytes({ buffer }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < releasedFromBytes) return;
  // As long as Node's pool: perhaps it is the pool, which many buffers are parts of.
  if (buffer.byteLength === Buffer.poolSize) return;
  try {
    buffer.transfer(0);
  } catch (error) {
    // A pool of before its size was changed cannot be detached: it stays.
    if (!(error instanceof TypeError)) throw error;
  }
}
