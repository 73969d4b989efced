import type { SeededRandom } from '../../src/testing/index.ts';

/** What length fields and counts are made to say. */
const extremes: readonly (readonly number[])[] = [
  [0],
  [0x7f],
  [0xff],
  [0xff, 0xff],
  [0xff, 0xff, 0xff, 0xff],
  [0x7f, 0xff, 0xff, 0xff],
  [0, 0, 0, 0],
  [0, 0, 0, 0, 0, 0, 0, 0],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  // 2^53 - 1 and 2^53 as 64 bits, and as varints.
  [0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0, 0x20, 0, 0, 0, 0, 0, 0],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
  // CBOR: text, bytes, arrays and maps of 2^32 - 1 and 2^64 - 1, and one that never ends.
  [0x7a, 0xff, 0xff, 0xff, 0xff],
  [0x9a, 0xff, 0xff, 0xff, 0xff],
  [0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0x9f],
  // A zstd frame that states 2^62 bytes.
  [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x40],
];

/** Changes bytes as broken disks, broken copies and clumsy forgers do: once to four times. Never gives them as they were. */
export function mutate(bytes: Uint8Array, others: readonly Uint8Array[], random: SeededRandom): Uint8Array {
  for (;;) {
    let mutant: Buffer = Buffer.from(bytes);
    const times = 1 + below(4, random);
    for (let time = 0; time < times; time += 1) mutant = mutateOnce(mutant, others, random);
    if (!mutant.equals(bytes)) return new Uint8Array(mutant);
  }
}

/** A number from 0 to below `limit`. */
export function below(limit: number, random: SeededRandom): number {
  return limit <= 1 ? 0 : Buffer.from(random.bytes(4)).readUInt32BE(0) % limit;
}

function mutateOnce(bytes: Buffer, others: readonly Uint8Array[], random: SeededRandom): Buffer {
  const at = placeIn(bytes, random);
  const end = Math.min(bytes.length, at + 1 + below(64, random));
  switch (below(9, random)) {
    case 0:
      if (bytes.length > 0) bytes[at] = (bytes[at] as number) ^ (1 << below(8, random));
      return bytes;
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return Buffer.concat([bytes, random.bytes(1 + below(100, random))]);
    case 3: {
      const extreme = extremes[below(extremes.length, random)] as readonly number[];
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(extreme),
        bytes.subarray(at + extreme.length),
      ]);
    }
    case 4: {
      const extreme = extremes[below(extremes.length, random)] as readonly number[];
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(extreme), bytes.subarray(at)]);
    }
    case 5:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 6:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    case 7: {
      const other = others[below(others.length, random)] ?? bytes;
      const from = below(other.length, random);
      const piece = other.subarray(from, from + 1 + below(200, random));
      return Buffer.concat([
        bytes.subarray(0, at),
        piece,
        bytes.subarray(at + below(2, random) * piece.length),
      ]);
    }
    default:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(end - at), bytes.subarray(end)]);
  }
}

/** Anywhere, but most often where the lengths and counts stand: at the beginning and the end. */
function placeIn(bytes: Buffer, random: SeededRandom): number {
  const edge = Math.min(bytes.length, 48);
  switch (below(3, random)) {
    case 0:
      return below(edge, random);
    case 1:
      return bytes.length - edge + below(edge, random);
    default:
      return below(bytes.length, random);
  }
}
