// Speeds of the kernels on a part of a directory, in a process of its own:
// node kernels.ts <directory> <part> <parts>. Prints JSON.
import { createCipheriv, createDecipheriv, createSecretKey, hash, randomBytes } from 'node:crypto';
import { closeSync, lstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import {
  compressionPolicies,
  contentDefinedCuts,
  decodeContent,
  encodeContent,
  FrameFiller,
} from '@holdfast/engine';
import { sumOf } from './child.ts';
import { kernelNames, type KernelTimes } from './kernel-times.ts';
import { listFiles } from './trees.ts';

/** Bytes that each kernel runs over before the next one does: a clock for each call would show. */
const batchBytes = 32 * 1024 * 1024;
/** A file, or a stretch of a large one. */
interface Piece {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

interface Sealed {
  readonly bytes: Uint8Array;
  readonly tag: Uint8Array;
}

class KernelRun {
  readonly times = Object.fromEntries(
    kernelNames.map((name) => [name, { bytes: 0, cpuSeconds: 0 }]),
  ) as KernelTimes;
  readonly #seen = new Set<string>();
  readonly #key = createSecretKey(randomBytes(32));
  readonly #nonce = Buffer.alloc(12);
  readonly #cuts = contentDefinedCuts();

  /** Runs all kernels over some pieces; chunks that came before are only hashed, as in a backup. */
  take(pieces: readonly Piece[]): void {
    const bytes = sumOf(pieces.map((piece) => piece.bytes));
    const contents = this.#time('reading', bytes, () => pieces.map(read));
    const chunks = this.#time('chunking', bytes, () =>
      contents.flatMap((content) => [...this.#cut(content)]),
    );
    const hashes = this.#time('SHA-256', bytes, () => chunks.map((chunk) => hash('sha256', chunk, 'hex')));
    const fresh = chunks.filter((_, index) => this.#isNew(hashes[index] ?? ''));
    const freshBytes = sumOf(fresh.map(({ length }) => length));
    const contentsOfFrames = fillFrames(fresh);
    const frames = this.#time('zstd', freshBytes, () =>
      contentsOfFrames.map((plain) => ({ plain, ...encodeContent(plain, compressionPolicies.fast) })),
    );
    const payloadBytes = sumOf(frames.map(({ payload }) => payload.length));
    const sealed = this.#time('AES-256-GCM', payloadBytes, () =>
      frames.map(({ payload }) => this.#seal(payload)),
    );
    this.#time('decode check', freshBytes, () =>
      frames.forEach(({ plain, codec }, index) => {
        const payload = this.#open(sealed[index] as Sealed);
        const decoded = decodeContent(codec, payload, plain.length, 'kernel');
        if (Buffer.compare(decoded, plain) !== 0) throw new Error('a frame decodes to other bytes');
      }),
    );
  }

  #isNew(id: string): boolean {
    if (this.#seen.has(id)) return false;
    this.#seen.add(id);
    return true;
  }

  *#cut(content: Uint8Array): Generator<Uint8Array> {
    for (let start = 0; start < content.length;) {
      const length = this.#cuts.findCut(content, start, content.length, 0) || content.length - start;
      yield content.subarray(start, start + length);
      start += length;
    }
  }

  #time<Result>(name: keyof KernelTimes, bytes: number, work: () => Result): Result {
    const before = process.cpuUsage();
    const result = work();
    const { user, system } = process.cpuUsage(before);
    this.times[name].cpuSeconds += (user + system) / 1e6;
    this.times[name].bytes += bytes;
    return result;
  }

  #seal(payload: Uint8Array): Sealed {
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nonce);
    const bytes = cipher.update(payload);
    cipher.final();
    return { bytes, tag: cipher.getAuthTag() };
  }

  #open({ bytes, tag }: Sealed): Uint8Array {
    const decipher = createDecipheriv('aes-256-gcm', this.#key, this.#nonce);
    decipher.setAuthTag(tag);
    const payload = decipher.update(bytes);
    decipher.final();
    return payload;
  }
}

/** Contents of the frames that a backup would put chunks into: small ones that follow each other share one. */
function fillFrames(chunks: readonly Uint8Array[]): Uint8Array[] {
  const filler = new FrameFiller<Uint8Array>();
  const contents: Uint8Array[] = [];
  const keep = (frame: { readonly plain: Uint8Array } | undefined): void => {
    // A copy, as the filler uses its buffers again.
    if (frame !== undefined) contents.push(Buffer.from(frame.plain));
  };
  for (const chunk of chunks) keep(filler.add(chunk, chunk));
  keep(filler.end());
  return contents;
}

function read({ file, offset, bytes }: Piece): Uint8Array {
  const content = Buffer.allocUnsafe(bytes);
  const opened = openSync(file, 'r');
  readSync(opened, content, 0, bytes, offset);
  closeSync(opened);
  return content;
}

function piecesOf(directory: string): Piece[] {
  return listFiles(directory).flatMap((path) => {
    const file = join(directory, path);
    const { size } = lstatSync(file);
    return Array.from({ length: Math.ceil(size / batchBytes) }, (_, index) => ({
      file,
      offset: index * batchBytes,
      bytes: Math.min(batchBytes, size - index * batchBytes),
    }));
  });
}

const [directory = '', part = '0', parts = '1'] = process.argv.slice(2);
const run = new KernelRun();
let batch: Piece[] = [];
let filled = 0;
let batches = 0;
const takeBatch = (): void => {
  // Every process takes its batches in turn, so that all have the same mixture.
  if (batches++ % Number(parts) === Number(part)) run.take(batch);
  batch = [];
  filled = 0;
};
for (const piece of piecesOf(directory)) {
  if (filled + piece.bytes > batchBytes) takeBatch();
  batch.push(piece);
  filled += piece.bytes;
}
takeBatch();
console.log(JSON.stringify(run.times));
