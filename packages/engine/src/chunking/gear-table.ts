import { hash } from 'node:crypto';

const label = Buffer.from('holdfast/1 gear', 'ascii');

/**
 * One 32-bit number for each byte value: the first four bytes, big-endian, of SHA-256("holdfast/1 gear" ‖ byte).
 * Part of the format: with another table the same files would be cut elsewhere and nothing would be found again.
 */
export function makeGearTable(): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) =>
    hash('sha256', Buffer.concat([label, Buffer.of(byte)]), 'buffer').readInt32BE(0),
  );
}
