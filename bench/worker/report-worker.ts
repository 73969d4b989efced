import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prices, pricesAsOf } from '@holdfast/engine/model';
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
const number = (value: number, digits = 0): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

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
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const [begin, end] = ['<!-- written by npm run bench:worker -- --publish -->', '<!-- end of the worker -->'];

/** Writes the table into `docs/scale.md`. */
export function publishWorker(figures: readonly WorkerFigures[], machine: string): void {
  const page = join(import.meta.dirname, '..', '..', 'docs', 'scale.md');
  const text = readFileSync(page, 'utf8');
  const [before, after] = [text.indexOf(begin), text.indexOf(end)];
  if (before < 0 || after < 0) throw new Error(`${page} needs the lines ${begin} and ${end}`);
  const note = `Measured on one core of ${machine}; Lambda's price for arm64 as of ${pricesAsOf}.`;
  const written = `${begin}\n\n${note}\n\n${workerTable(figures)}\n\n`;
  writeFileSync(page, `${text.slice(0, before)}${written}${text.slice(after)}`);
}
