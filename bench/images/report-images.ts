import { prices, pricesAsOf, storageClassPrices } from '@holdfast/engine/model';
import { perTebibyte } from './per-tebibyte.ts';
import type { RunCost } from './cost-of-run.ts';

const number = (value: number, digits = 0): string =>
  value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });
const dollars = (value: number): string => `$${number(value, value < 1 ? 3 : 2)}`;
const sum = (values: Readonly<Record<string, number>>): number =>
  Object.values(values).reduce((total, one) => total + one, 0);

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** @param sizes - blocks of the two volumes that `small` and `large` are the runs of. */
export function figuresOf(
  runs: readonly { readonly type: string; readonly share: number }[],
  sizes: readonly [number, number],
  small: readonly RunCost[],
  large: readonly RunCost[],
): string {
  const costs = runs.map((_, at) => perTebibyte(sizes, small[at] as RunCost, large[at] as RunCost));
  const [full] = costs as [RunCost];
  const ratio = full.readBytes / full.storedBytes;
  const perSecond = full.readBytes / full.cpuSeconds / 1e6;
  const units = [...new Set(costs.flatMap(({ requests }) => Object.keys(requests)))].sort();
  const services = Object.keys(full.dollars);
  const head = [
    'for each TiB of a volume',
    ...runs.map(({ type, share }) => `${type}, ${share * 100} % changed`),
  ];
  const month = (1 + 29 * 0.01) * 1024;
  const vaultMonth = (month / ratio) * storageClassPrices.STANDARD.gibibyteMonth;
  return [
    row(head),
    row(head.map(() => '---')),
    row(['GiB read', ...costs.map(({ readBytes }) => number(readBytes / 2 ** 30, 1))]),
    row(['GiB stored', ...costs.map(({ storedBytes }) => number(storedBytes / 2 ** 30, 1))]),
    ...units.map((unit) => row([unit, ...costs.map(({ requests }) => number(requests[unit] ?? 0))])),
    row(['transitions', ...costs.map(({ transitions }) => number(transitions))]),
    row(['GB-seconds', ...costs.map(({ gibibyteSeconds }) => number(gibibyteSeconds))]),
    ...services.map((service) => row([service, ...costs.map((cost) => dollars(cost.dollars[service] ?? 0))])),
    row(['**together**', ...costs.map((cost) => `**${dollars(sum(cost.dollars))}**`)]),
    '',
    `Thirty daily points with 1 % changed each day hold ${number(month / 1024, 2)} TiB of blocks. They cost ` +
      `${dollars(vaultMonth)} a month in the vault (${dollars(vaultMonth / month)} for a GiB of blocks, as they were ` +
      `stored at a ${number(ratio, 1)}th of their size), and ${dollars(month * prices.ebsSnapshot.gibibyteMonth)} as EBS ` +
      `snapshots or in AWS Backup, which bills those.`,
    '',
    `A processor of this machine copies ${number(perSecond)} MB/s, of which none was spent waiting: the blocks come from ` +
      `memory. Prices of ${pricesAsOf}.`,
  ].join('\n');
}
