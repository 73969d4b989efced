import { createCipheriv, hash } from 'node:crypto';

/** Incompressible bytes, the same for the same seed: the key stream of AES-256-CTR. */
export function noise(seed: string, bytes: number): Buffer {
  const cipher = createCipheriv('aes-256-ctr', hash('sha256', seed, 'buffer'), Buffer.alloc(16));
  return cipher.update(Buffer.alloc(bytes));
}

/** A generator of whole numbers below a bound, the same sequence for the same seed (xorshift32). */
export function numbers(seed: string): (below: number) => number {
  let state = hash('sha256', seed, 'buffer').readUInt32BE(0) | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const syllables = 'ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo zu'.split(' ');

/** Text like that of a log; zstd compresses it to about a quarter. */
export function logText(seed: string, bytes: number): Buffer {
  const next = numbers(seed);
  const words = Array.from({ length: 2000 }, () =>
    Array.from({ length: 1 + next(4) }, () => syllables[next(syllables.length)]).join(''),
  );
  const lines: string[] = [];
  let millisecond = next(1e9);
  for (let length = 0; length < bytes; length += lines.at(-1)?.length ?? 0) {
    millisecond += next(500);
    const level = next(10) === 0 ? 'WARN' : 'INFO';
    const said = Array.from({ length: 4 + next(8) }, () => words[next(words.length)]).join(' ');
    lines.push(
      `${millisecond} ${level} ${words[next(50)]} request=${next(2 ** 31).toString(16)} ${said} took=${next(900)}ms\n`,
    );
  }
  return Buffer.from(lines.join(''), 'latin1').subarray(0, bytes);
}
