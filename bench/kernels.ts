// Speeds of the kernels on a data set, in a process of its own: node kernels.ts <directory>. Prints JSON.
import { createCipheriv, createDecipheriv, createSecretKey, hash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { contentDefinedCuts, decodeContent, encodeContent } from '@holdfast/engine';
import { listFiles } from './data-set.ts';

export interface KernelTime {
  bytes: number;
  cpuSeconds: number;
}

const kernelNames = ['chunking', 'SHA-256', 'zstd', 'AES-256-GCM', 'decode check'] as const;
export type KernelTimes = Record<(typeof kernelNames)[number], KernelTime>;

/** Bytes of chunks that are collected before each kernel runs over them: a clock for each call would show. */
const batchBytes = 64 * 1024 * 1024;
const pieceBytes = 1024 * 1024;

class KernelRun {
  readonly times = Object.fromEntries(
    kernelNames.map((name) => [name, { bytes: 0, cpuSeconds: 0 }]),
  ) as KernelTimes;
  readonly #seen = new Set<string>();
  readonly #key = createSecretKey(randomBytes(32));
  readonly #nonce = Buffer.alloc(12);
  readonly #cuts = contentDefinedCuts();

  /** Runs all kernels over some contents; repeated chunks are only hashed, as in a backup. */
  take(contents: readonly Uint8Array[]): void {
    const chunks: Uint8Array[] = [];
    const bytes = sum(contents);
    this.#time('chunking', bytes, () => {
      for (const content of contents) chunks.push(...this.#cut(content));
    });
    const hashes = this.#time('SHA-256', bytes, () => chunks.map((chunk) => hash('sha256', chunk, 'hex')));
    const fresh = chunks.filter((_, index) => this.#isNew(hashes[index] ?? ''));
    const encoded = this.#time('zstd', sum(fresh), () => fresh.map((chunk) => encodeContent(chunk)));
    const sealed = this.#time('AES-256-GCM', sum(fresh), () =>
      encoded.map(({ payload }) => this.#seal(payload)),
    );
    this.#time('decode check', sum(fresh), () => {
      sealed.forEach((frame, index) => {
        const payload = this.#open(frame);
        const codec = encoded[index]?.codec ?? 0;
        const plain = decodeContent(codec, payload, fresh[index]?.length ?? 0, 'kernel');
        hash('sha256', plain, 'hex');
      });
    });
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

  #seal(payload: Uint8Array): { readonly bytes: Uint8Array; readonly tag: Uint8Array } {
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nonce);
    const bytes = cipher.update(payload);
    cipher.final();
    return { bytes, tag: cipher.getAuthTag() };
  }

  #open({ bytes, tag }: { readonly bytes: Uint8Array; readonly tag: Uint8Array }): Uint8Array {
    const decipher = createDecipheriv('aes-256-gcm', this.#key, this.#nonce);
    decipher.setAuthTag(tag);
    const payload = decipher.update(bytes);
    decipher.final();
    return payload;
  }
}

function sum(parts: readonly Uint8Array[]): number {
  return parts.reduce((total, part) => total + part.length, 0);
}

/** Reads files whole, and large ones in stretches of the batch's size. */
function* contentsOf(directory: string): Generator<Uint8Array> {
  for (const path of listFiles(directory)) {
    const file = openSync(join(directory, path), 'r');
    for (;;) {
      const pieces: Uint8Array[] = [];
      for (let filled = 0; filled < batchBytes;) {
        const piece = Buffer.allocUnsafe(pieceBytes);
        const count = readSync(file, piece);
        if (count === 0) break;
        pieces.push(piece.subarray(0, count));
        filled += count;
      }
      if (pieces.length === 0) break;
      yield Buffer.concat(pieces);
    }
    closeSync(file);
  }
}

const run = new KernelRun();
let batch: Uint8Array[] = [];
for (const content of contentsOf(process.argv[2] ?? '')) {
  batch.push(content);
  if (sum(batch) < batchBytes) continue;
  run.take(batch);
  batch = [];
}
run.take(batch);
console.log(JSON.stringify(run.times));
