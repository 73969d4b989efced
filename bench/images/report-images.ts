import {
  blockRates,
  ebsBlockBytes,
  prices,
  pricesAsOf,
  storageClassPrices,
  workersOfSnapshot,
} from '@holdfast/engine/model';
import { numberText as number, tableLines } from '../figures.ts';
import { limits } from '../scale/limits.ts';
import { perTebibyte } from './per-tebibyte.ts';
import type { RunCost } from './cost-of-run.ts';
import type { WireCopy } from './copy-over-wire.ts';

const dollars = (value: number): string => `$${number(value, value < 1 ? 3 : 2)}`;
const sum = (values: Readonly<Record<string, number>>): number =>
  Object.values(values).reduce((total, one) => total + one, 0);

export interface ImageFigures {
  readonly small: readonly RunCost[];
  readonly large: readonly RunCost[];
  readonly wire: WireCopy;
}

/** @param sizes - blocks of the two volumes that `small` and `large` are the runs of. */
export function figuresOf(
  runs: readonly { readonly type: string; readonly share: number }[],
  sizes: readonly [number, number],
  { small, large, wire }: ImageFigures,
): string {
  const costs = runs.map((_, at) => perTebibyte(sizes, small[at] as RunCost, large[at] as RunCost));
  const [full] = costs as [RunCost];
  const ratio = full.readBytes / full.storedBytes;
  const units = [...new Set(costs.flatMap(({ requests }) => Object.keys(requests)))].sort();
  const services = Object.keys(full.dollars);
  const head = [
    'for each TiB of a volume',
    ...runs.map(({ type, share }) => `${type}, ${share * 100} % changed`),
  ];
  const rows = [
    ['GiB read', ...costs.map(({ readBytes }) => number(readBytes / 2 ** 30, 1))],
    ['GiB stored', ...costs.map(({ storedBytes }) => number(storedBytes / 2 ** 30, 1))],
    ...units.map((unit) => [unit, ...costs.map(({ requests }) => number(requests[unit] ?? 0))]),
    ['transitions', ...costs.map(({ transitions }) => number(transitions))],
    ['GB-seconds', ...costs.map(({ gibibyteSeconds }) => number(gibibyteSeconds))],
    ...services.map((service) => [service, ...costs.map((cost) => dollars(cost.dollars[service] ?? 0))]),
    ['**together**', ...costs.map((cost) => `**${dollars(sum(cost.dollars))}**`)],
  ];
  const month = (1 + 29 * 0.01) * 1024;
  const vaultMonth = (month / ratio) * storageClassPrices.STANDARD.gibibyteMonth;
  return [
    ...tableLines(head, rows),
    '',
    `Thirty daily points with 1 % changed each day hold ${number(month / 1024, 2)} TiB of blocks. They cost ` +
      `${dollars(vaultMonth)} a month in the vault (${dollars(vaultMonth / month)} for a GiB of blocks, as they were ` +
      `stored at a ${number(ratio, 1)}th of their size), and ${dollars(month * prices.ebsSnapshot.gibibyteMonth)} as EBS ` +
      `snapshots or in AWS Backup, which bills those.`,
    '',
    baseLine(costs.map((cost) => sum(cost.dollars))),
    '',
    ...workerLines(wire, ratio),
  ].join('\n');
}

/** The two ways to the next run: what `baseSnapshot` chooses between. */
function baseLine([, , changes = 0, again = 0]: readonly number[]): string {
  return (
    `With a base, a daily plan pays ${dollars(1024 * prices.ebsSnapshot.gibibyteMonth)} a month for the snapshot of each ` +
    `TiB in use, and ${dollars(30 * changes)} for the runs that read the 1 % which changes a day; without one it pays ` +
    `${dollars(again)} for each run.`
  );
}

/** The speed of one worker, and that of as many as copy one snapshot by default. */
function workerLines({ readBytes, seconds, cpuSeconds }: WireCopy, ratio: number): string[] {
  const megabytes = readBytes / 1e6;
  const ofNetwork = limits.networkBytes.value / 1e6 / (1 + 1 / ratio);
  const ofWorker = Math.min(ofNetwork, megabytes / cpuSeconds);
  const ofQuota = (blockRates('us-east-1').snapshot * ebsBlockBytes) / 1e6;
  return [
    `Read over the wire from the emulator, by one worker on a processor of its own: ${number(megabytes / seconds)} MB/s, and ` +
      `${number((1 - cpuSeconds / seconds) * 100)} % of its time spent waiting; ${number(megabytes / cpuSeconds)} MB for a ` +
      `second of a processor. In Lambda the network allows ${number(ofNetwork)} MB/s of that, so the ${workersOfSnapshot} ` +
      `workers that copy a snapshot by default read ${number(workersOfSnapshot * ofWorker)} MB/s, of which the quota of a ` +
      `snapshot lets ${number(ofQuota)} through. Prices of ${pricesAsOf}.`,
  ];
}
