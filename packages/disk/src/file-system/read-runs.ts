import type { ByteSource } from '../source/byte-source.ts';
import type { ContentRun } from './file-system.ts';

const pieceBytes = 2 ** 20;

/** The content that runs stand for, in pieces. */
export async function* readRuns(
  source: ByteSource,
  runs: AsyncIterable<ContentRun> | Iterable<ContentRun>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let zeros: Uint8Array = new Uint8Array(0);
  for await (const run of runs) {
    if (run.kind === 'inline') {
      yield run.content;
      continue;
    }
    for (let done = 0; done < run.bytes;) {
      signal?.throwIfAborted();
      // Pieces end where the source's blocks do, as far as the runs allow it.
      const limit = run.kind === 'stored' ? pieceBytes - ((run.at + done) % pieceBytes) : pieceBytes;
      const length = Math.min(limit, run.bytes - done);
      if (run.kind === 'stored') {
        yield await source.read(run.at + done, length, signal);
      } else {
        if (zeros.length < length) zeros = new Uint8Array(length);
        yield zeros.subarray(0, length);
      }
      done += length;
    }
  }
}
