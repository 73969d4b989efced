import type { ChunkId, PackId } from '../ids.ts';
import type { ChunkLocation } from '../packs/chunk-location.ts';

export interface ChunkReference {
  readonly id: ChunkId;
  readonly plainBytes: number;
  readonly location: ChunkLocation;
}

/** Neighbouring frames of one pack that are read with one request. */
export interface PackRun {
  readonly packId: PackId;
  readonly offset: number;
  readonly length: number;
  /** In the order of their offsets. */
  readonly chunks: readonly ChunkReference[];
}

/** Bounds for reading neighbours together. */
export interface RunPolicy {
  /** A request's answer is held in memory. */
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

/** Key of a stored frame: two references to one frame are one read. */
export function frameKey(location: ChunkLocation): string {
  return `${location.packId}:${location.frame}`;
}

/**
 * Groups chunks into runs so that every frame is read once and neighbours are read together. Runs come in the order in
 * which their first chunk was named. O(n log n).
 */
export function planRuns(chunks: readonly ChunkReference[], policy: RunPolicy = defaultRunPolicy): PackRun[] {
  const order = new Map<string, number>();
  const distinct = chunks.filter(({ location }) => {
    const key = frameKey(location);
    if (order.has(key)) return false;
    order.set(key, order.size);
    return true;
  });
  distinct.sort(
    (a, b) =>
      (a.location.packId < b.location.packId ? -1 : a.location.packId > b.location.packId ? 1 : 0) ||
      a.location.offset - b.location.offset,
  );
  const runs: { first: number; run: PackRun }[] = [];
  let open: ChunkReference[] = [];
  let wasted = 0;
  const close = (): void => {
    const [head] = open;
    const tail = open.at(-1);
    if (head === undefined || tail === undefined) return;
    const { packId, offset } = head.location;
    const length = tail.location.offset + tail.location.length - offset;
    const first = Math.min(...open.map((chunk) => order.get(frameKey(chunk.location)) as number));
    runs.push({ first, run: { packId, offset, length, chunks: open } });
    open = [];
    wasted = 0;
  };
  for (const chunk of distinct) {
    const [head] = open;
    const tail = open.at(-1);
    if (head !== undefined && tail !== undefined) {
      const gap = chunk.location.offset - (tail.location.offset + tail.location.length);
      const length = chunk.location.offset + chunk.location.length - head.location.offset;
      const fits =
        chunk.location.packId === head.location.packId &&
        length <= policy.maxRunBytes &&
        gap <= policy.maxGapBytes &&
        wasted + gap <= policy.maxWaste * length;
      if (fits) wasted += gap;
      else close();
    }
    open.push(chunk);
  }
  close();
  return runs.sort((a, b) => a.first - b.first).map(({ run }) => run);
}
