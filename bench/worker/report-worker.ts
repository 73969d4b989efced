import { prices, pricesAsOf } from '@holdfast/engine/model';
import { numberText as number, putFigures, tableLines } from '../figures.ts';
import type { ObjectSetName } from './objects.ts';
import { processorMegabytes } from './function-shape.ts';

export interface WorkerFigures {
  readonly set: ObjectSetName;
  readonly objects: number;
  readonly bytes: number;
  /** Time until S3's first byte. */
  readonly waitMs: number;
  readonly memoryMegabytes: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

const tebibyte = 2 ** 40;

const head = [
  'objects',
  'first byte after',
  'memory, MB',
  'processors',
  'MB/s',
  'CPU s per GB',
  'peak, MB',
  'GB-seconds per TiB',
  'dollars per TiB',
];

/** A row for each shape. Per TiB of the source; a first backup, without requests, tables and storage. */
export function workerTable(figures: readonly WorkerFigures[]): string {
  const rows = figures.map((one) => {
    const { set, objects, bytes, waitMs, memoryMegabytes, seconds, cpuSeconds, peakBytes } = one;
    const gibibyteSeconds = ((seconds * tebibyte) / bytes) * (memoryMegabytes / 1024);
    return [
      `${set}: ${number(objects)} of ${number(bytes / objects / 1024)} KiB`,
      `${waitMs} ms`,
      number(memoryMegabytes),
      number(memoryMegabytes / processorMegabytes, 2),
      number(bytes / 1e6 / seconds, 1),
      number(cpuSeconds / (bytes / 1e9), 1),
      number(peakBytes / 1e6),
      number(gibibyteSeconds),
      number(gibibyteSeconds * prices.lambda.gibibyteSecond, 2),
    ];
  });
  return tableLines(head, rows).join('\n');
}

/** Writes the table into `docs/scale.md`. */
export function publishWorker(figures: readonly WorkerFigures[], machine: string): void {
  const place = {
    begin: '<!-- written by npm run bench:worker -- --publish -->',
    end: '<!-- end of the worker -->',
  };
  const note = `Measured on one core of ${machine}; Lambda's price for arm64 as of ${pricesAsOf}.`;
  putFigures('scale.md', place, `${note}\n\n${workerTable(figures)}`);
}
