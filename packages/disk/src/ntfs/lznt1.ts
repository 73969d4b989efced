import { DiskDamagedError } from '../errors.ts';
import { Fields } from '../source/fields.ts';

/** Each chunk begins anew, and stands for so many bytes, the last one perhaps for less. */
const chunkBytes = 4096;
const headerBytes = 2;
const shortestMatch = 3;

/**
 * What LZNT1 makes of bytes; zeros after their end.
 * @see MS-XCA, section 2.5
 */
export function unpackLznt1(packed: Uint8Array, bytes: number, what: string): Uint8Array {
  const fields = new Fields(packed, what);
  const unpacked = new Uint8Array(bytes);
  let at = 0;
  for (let to = 0; to < bytes && at + headerBytes <= packed.length; to += chunkBytes) {
    const header = fields.u16(at);
    if (header === 0) break;
    const body = fields.slice(at + headerBytes, (header & 0xfff) + 1);
    const chunk = unpacked.subarray(to, to + chunkBytes);
    if ((header & 0x8000) !== 0) unpackChunk(new Fields(body, what), chunk);
    else if (body.length <= chunk.length) chunk.set(body);
    else throw tooLong(what);
    at += headerBytes + body.length;
  }
  return unpacked;
}

function unpackChunk(body: Fields, into: Uint8Array): void {
  let to = 0;
  for (let at = 0; at < body.bytes.length;) {
    const flags = body.u8(at);
    at += 1;
    for (let token = 0; token < 8 && at < body.bytes.length; token += 1) {
      if ((flags & (1 << token)) === 0) {
        if (to >= into.length) throw tooLong(body.what);
        into[to] = body.u8(at);
        to += 1;
        at += 1;
        continue;
      }
      to = copyMatch(body, body.u16(at), into, to);
      at += 2;
    }
  }
}

/** Copies what stood before. The further a chunk is, the more bits of a match say how far back that is. */
function copyMatch(body: Fields, match: number, into: Uint8Array, to: number): number {
  let lengthBits = 12;
  for (let reach = to - 1; reach >= 0x10; reach >>= 1) lengthBits -= 1;
  const length = (match & ((1 << lengthBits) - 1)) + shortestMatch;
  const from = to - (match >> lengthBits) - 1;
  if (from < 0) throw new DiskDamagedError(`${body.what} repeats what is before its beginning`);
  if (to + length > into.length) throw tooLong(body.what);
  // Byte by byte: a match may reach into what it makes.
  for (let done = 0; done < length; done += 1) into[to + done] = into[from + done] ?? 0;
  return to + length;
}

function tooLong(what: string): DiskDamagedError {
  return new DiskDamagedError(`${what} unpacks to more than it can`);
}
