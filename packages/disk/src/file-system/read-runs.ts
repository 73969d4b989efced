import type { ByteSource } from '../source/byte-source.ts';
import type { ContentRun } from './file-system.ts';

const pieceBytes = 2 ** 20;

/** The content that runs stand for, in pieces. */
export async function* readRuns(
  source: ByteSource,
  runs: AsyncIterable<ContentRun>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const zeros = new Uint8Array(pieceBytes);
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
      yield run.kind === 'stored'
        ? await source.read(run.at + done, length, signal)
        : zeros.subarray(0, length);
      done += length;
    }
  }
}
