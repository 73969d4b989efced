import { type Curve, drawCurves } from './draw-curves.ts';
import { numberText as number, tableLines } from '../figures.ts';
import type { JoinModel } from './join-model.ts';
import { limits, limitsAsOf } from './limits.ts';
import type { RunModel } from './model-run.ts';

/** Everything that one run of the model found, and what it was measured with. */
export interface ScaleResults {
  readonly pageCpuMs: number;
  readonly join: JoinModel;
  readonly built: readonly RunModel[];
  readonly before: readonly RunModel[];
}

const hours = (value: number): string =>
  value < 1 ? `${number(value * 60, 1)} min` : `${number(value, 1)} h`;
const order = (value: number): string => `10^${Math.round(Math.log10(value))}`;
const sum = (values: Readonly<Record<string, number>>): number =>
  Object.values(values).reduce((total, one) => total + one, 0);

function brokenText({ broken }: RunModel): string {
  const names = broken.map(({ limit, value }) => {
    const { value: most, unit } = limits[limit];
    return value === most ? `${number(most)} ${unit}` : `${number(value)} of ${number(most)} ${unit}`;
  });
  return names.length === 0 ? 'none' : names.join('; ');
}

function timeRows(models: readonly RunModel[]): string[][] {
  return models.map((model) => {
    const { options, hours: took, work } = model;
    return [
      order(options.objects),
      `${number(options.workers)}, ${number(options.tableWrites)}`,
      hours(took.list),
      hours(took.work),
      hours(took.join),
      hours(took.total),
      number(options.objects / (took.total * 3600)),
      number(work.hottestReads),
      brokenText(model),
    ];
  });
}

const timeHead = [
  'objects',
  'workers, index writes/s at first',
  'listing',
  'reading',
  'joining',
  'together',
  'objects/s',
  'GET/s of the hottest sixteenth',
  'limits that break',
];

export function figuresOf({ pageCpuMs, join, built, before }: ScaleResults): string {
  return [
    `Objects of ${number((built[0]?.options.objectBytes ?? 0) / 1024)} KiB. Measured in this run: ${number(pageCpuMs, 1)} ms of a processor for a page of a listing; ` +
      `${number(join.groupSeconds, 0)} s to join a group of 128 shards, ${number(join.commitSecondsAGroup, 2)} s of the commit for a group ` +
      `(${number(join.commitSecondsAShard, 2)} s for a shard, if there were no groups); ${number(join.openSeconds, 1)} s to open a run, and ` +
      `${number(join.leaseSecondsAPack * 1000)} ms and ${number(join.leaseRequestsAPack, 1)} requests for each pack that it leases; ${number(join.pageBytesAFile)} bytes of pages for an object.`,
    '',
    '### As it is built',
    '',
    ...tableLines(timeHead, timeRows(built)),
    '',
    ...tableLines(sizeHead, sizeRows(built)),
    '',
    'Dollars of a first backup, without storage:',
    '',
    ...dollarTable(built),
    '',
    '### As it was: one listing, shards in the order of keys, one join',
    '',
    ...tableLines(timeHead, timeRows(before)),
    '',
    `### Limits and latencies, as of ${limitsAsOf}`,
    '',
    ...tableLines(
      ['limit', 'kind', 'source'],
      Object.values(limits).map(({ value, unit, kind, source }) => [
        `${number(value)} ${unit}`,
        kind,
        source,
      ]),
    ),
  ].join('\n');
}

const sizeHead = [
  'objects',
  'shards',
  'list of the map',
  'memory of the listing',
  'transitions',
  'events of the execution',
  'index writes/s at most',
  'writes/s of the hottest row',
  'PUT/s into the vault',
  'page packs',
  'root',
  'locks a day, and their time',
];

function sizeRows(built: readonly RunModel[]): string[][] {
  return built.map((model) => [
    order(model.options.objects),
    number(model.options.listed.shards.length),
    `${number(model.options.listed.listBytes / 1e6, 1)} MB`,
    `${number(model.options.listed.heapBytes / 1e6)} MB`,
    number(model.transitions),
    number(model.historyEvents),
    number(model.work.mostWrites),
    number(model.rowWrites, 1),
    number(model.vaultWrites, 1),
    number(model.pagePacks),
    `${number(model.rootBytes / 1e6, 2)} MB`,
    `${number(model.leasesADay)}, ${hours(model.leaseHours)}`,
  ]);
}

function dollarTable(built: readonly RunModel[]): readonly string[] {
  const items = [...new Set(built.flatMap(({ dollars }) => Object.keys(dollars)))];
  const rows = built.map(({ options, dollars }) => [
    order(options.objects),
    ...items.map((item) => number(dollars[item] ?? 0, 2)),
    number(sum(dollars), 2),
  ]);
  return tableLines(['objects', ...items, 'together'], rows);
}

function curve(
  name: string,
  color: string,
  models: readonly RunModel[],
  of: (model: RunModel) => number,
): Curve {
  return { name, color, points: models.map((model) => [model.options.objects, of(model)] as const) };
}

/** The hours over the number of objects, as an SVG. */
export function curvesOf({ built, before }: ScaleResults): string {
  const target = built.map(({ options }) => [options.objects, limits.targetHours.value] as const);
  return drawCurves([
    { ...curve('as it was', '#999', before, ({ hours: took }) => took.total), dashed: true },
    curve('together', '#000', built, ({ hours: took }) => took.total),
    curve('listing', '#1f77b4', built, ({ hours: took }) => took.list),
    curve('reading', '#2ca02c', built, ({ hours: took }) => took.work),
    curve('joining', '#ff7f0e', built, ({ hours: took }) => took.join),
    { name: '14 hours', color: '#d62728', dashed: true, points: target },
  ]);
}
