import { limits } from './limits.ts';

export interface WorkOptions {
  readonly shards: number;
  readonly filesAShard: number;
  /** Files a second of one worker whom nothing else holds up. */
  readonly filesASecond: number;
  readonly workers: number;
  /** Number of the shard, in the order of keys, that is worked off as the n-th. */
  readonly order: (nth: number) => number;
  readonly partitions: number;
  /** Writes a second that the table takes at first. */
  readonly tableWrites: number;
}

export interface WorkModel {
  readonly seconds: number;
  readonly workerSeconds: number;
  /** Reads a second of the busiest partition of the source's keys. */
  readonly hottestReads: number;
  readonly mostWrites: number;
  /** Calls that the limit of a call ended. */
  readonly cutOff: number;
}

interface Worker {
  readonly partition: number;
  left: number;
  age: number;
}

const stepSeconds = 5;

/**
 * A map over shards as a flow: each worker goes as fast as itself, its partition of the bucket, and its share of the
 * table let it.
 */
export function modelWork(options: WorkOptions): WorkModel {
  const { shards, filesAShard, filesASecond, workers, order, partitions } = options;
  const running: Worker[] = [];
  let [table, fullSeconds] = [options.tableWrites, 0];
  let [next, seconds, workerSeconds, cutOff, hottestReads, mostWrites] = [0, 0, 0, 0, 0, 0];
  while (next < shards || running.length > 0) {
    const started = Math.min(workers - running.length, shards - next, limits.mapStarts.value * stepSeconds);
    for (let one = 0; one < started; one += 1, next += 1)
      running.push({ partition: Math.floor((order(next) * partitions) / shards), left: filesAShard, age: 0 });
    const inPartition = new Map<number, number>();
    for (const { partition } of running) inPartition.set(partition, (inPartition.get(partition) ?? 0) + 1);
    const readRate = (partition: number): number =>
      Math.min(filesASecond, limits.partitionReads.value / (inPartition.get(partition) ?? 1));
    const wanted = running.reduce((sum, { partition }) => sum + readRate(partition), 0);
    const share = Math.min(1, table / wanted);
    for (const [partition, count] of inPartition)
      hottestReads = Math.max(hottestReads, count * readRate(partition) * share);
    mostWrites = Math.max(mostWrites, wanted * share);
    for (let at = running.length - 1; at >= 0; at -= 1) {
      const worker = running[at] as Worker;
      worker.left -= readRate(worker.partition) * share * stepSeconds;
      worker.age += stepSeconds;
      if (worker.left <= 0) {
        running[at] = running.at(-1) as Worker;
        running.pop();
      } else if (worker.age >= limits.callSeconds.value) {
        // A repetition finds what was stored.
        cutOff += 1;
        worker.age = 0;
      }
    }
    fullSeconds = share < 1 ? fullSeconds + stepSeconds : fullSeconds;
    if (fullSeconds >= limits.tableDoublesMinutes.value * 60)
      [table, fullSeconds] = [Math.min(2 * table, limits.tableWrites.value), 0];
    seconds += stepSeconds;
    workerSeconds += (running.length + started) * stepSeconds;
  }
  return { seconds, workerSeconds, hottestReads, mostWrites, cutOff };
}
