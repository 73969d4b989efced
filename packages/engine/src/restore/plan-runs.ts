import type { PackId } from '../ids.ts';
import type { ChunkReference, FrameLocation } from '../packs/chunk-location.ts';

/** Neighbouring frames of one pack that are read with one request. */
export interface PackRun {
  readonly packId: PackId;
  readonly offset: number;
  readonly length: number;
  /** In the order of their offsets. */
  readonly frames: readonly FrameLocation[];
}

/** Bounds for reading neighbours together. */
export interface RunPolicy {
  /** Stored bytes of a run, and also bytes of its frames' contents: both are held in memory. */
  readonly maxRunBytes: number;
  /** Largest gap that is read and thrown away. */
  readonly maxGapBytes: number;
  /** Share of a run that gaps may make up. */
  readonly maxWaste: number;
}

/**
 * Runs of 16 MiB keep a request busy for a fifth of a second at a worker's bandwidth; 32 KiB is what a request's
 * latency costs at least. A twentieth of waste keeps a restore well under 1.1 times the bytes it needs.
 */
const defaultRunPolicy: RunPolicy = {
  maxRunBytes: 16 * 2 ** 20,
  maxGapBytes: 32 * 2 ** 10,
  maxWaste: 0.05,
};

/** The frame that was asked for last, and its key: chunks that follow each other lie in one, and comparing is quick. */
let last: { readonly location: FrameLocation; readonly key: string } | undefined;

/** Key of a stored frame: references that say the same of it are one read. */
export function frameKey(location: FrameLocation): string {
  if (last !== undefined && isSameFrame(location, last.location)) return last.key;
  const { packId, frame, offset, length, contentBytes } = location;
  last = { location, key: `${packId}:${frame}:${offset}:${length}:${contentBytes}` };
  return last.key;
}

function isSameFrame(a: FrameLocation, b: FrameLocation): boolean {
  return (
    a.frame === b.frame &&
    a.offset === b.offset &&
    a.length === b.length &&
    a.contentBytes === b.contentBytes &&
    a.packId === b.packId
  );
}

/**
 * Groups the frames of some chunks into runs, so that every frame is read once and neighbours are read together. Runs
 * come in the order in which their first chunk was named. O(n log n).
 */
export function planRuns(
  chunks: Iterable<Pick<ChunkReference, 'location'>>,
  policy: RunPolicy = defaultRunPolicy,
): PackRun[] {
  const order = new Map<string, { readonly at: number; readonly frame: FrameLocation }>();
  for (const { location } of chunks) {
    const key = frameKey(location);
    if (!order.has(key)) order.set(key, { at: order.size, frame: location });
  }
  const sorted = [...order.values()].sort(
    ({ frame: a }, { frame: b }) =>
      (a.packId < b.packId ? -1 : a.packId > b.packId ? 1 : 0) || a.offset - b.offset,
  );
  const runs: { first: number; run: PackRun }[] = [];
  let frames: FrameLocation[] = [];
  let first = Infinity;
  let wasted = 0;
  let contentBytes = 0;
  const close = (): void => {
    const [head] = frames;
    const tail = frames.at(-1);
    if (head === undefined || tail === undefined) return;
    const { packId, offset } = head;
    runs.push({ first, run: { packId, offset, length: tail.offset + tail.length - offset, frames } });
    frames = [];
    first = Infinity;
    wasted = 0;
    contentBytes = 0;
  };
  for (const { at, frame } of sorted) {
    const [head] = frames;
    const tail = frames.at(-1);
    if (head !== undefined && tail !== undefined) {
      const gap = frame.offset - (tail.offset + tail.length);
      const length = frame.offset + frame.length - head.offset;
      const fits =
        frame.packId === head.packId &&
        length <= policy.maxRunBytes &&
        contentBytes + frame.contentBytes <= policy.maxRunBytes &&
        gap <= policy.maxGapBytes &&
        wasted + gap <= policy.maxWaste * length;
      if (fits) wasted += gap;
      else close();
    }
    frames.push(frame);
    contentBytes += frame.contentBytes;
    first = Math.min(first, at);
  }
  close();
  return runs.sort((a, b) => a.first - b.first).map(({ run }) => run);
}
