import { SeededRandom } from './seeded-random.ts';

/** Lines that resemble each other, about 100 KB: a higher compression level makes a tenth less of them. */
export function recordText(name: string): string {
  const picks = new SeededRandom(name).bytes(4_000);
  const lines = Array.from({ length: 2_000 }, (_, at) => {
    const [size = 0, kind = 0] = picks.subarray(2 * at);
    return `{"id":${at},"size":${size * size},"kind":"kind ${kind & 15}","name":"${name} ${size * kind}"}`;
  });
  return lines.join('\n');
}
