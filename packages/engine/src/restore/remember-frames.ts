import { BoundedCache } from '../packs/bounded-cache.ts';
import type { ReadFrame } from '../packs/pack-reader.ts';
import type { ReadRun } from './chunk-fetcher.ts';
import { frameKey } from './plan-runs.ts';

/**
 * Reads like `readRun`, and remembers the frames that were read last: for files that are read by a fetcher each, although
 * neighbours share frames.
 * @param contentBytes - of all frames that are remembered.
 */
export function rememberFrames(readRun: ReadRun, contentBytes: number): ReadRun {
  const frames = new BoundedCache<string, Promise<ReadFrame>>(contentBytes);
  return async (run, signal) => {
    const known = run.frames.map((frame) => frames.get(frameKey(frame)));
    if (known.every((frame) => frame !== undefined)) return Promise.all(known);
    const reading = readRun(run, signal);
    for (const [at, frame] of run.frames.entries()) {
      const key = frameKey(frame);
      const one = reading.then((answers) => answers[at] as ReadFrame);
      one.catch(() => frames.delete(key));
      frames.set(key, one, frame.contentBytes);
    }
    return reading;
  };
}
