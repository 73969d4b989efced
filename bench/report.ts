import { medianOf, sumOf } from './child.ts';
import { dataSetNames, type DataSetName } from './data-sets.ts';
import { tableLines } from './figures.ts';
import { kernelNames, type KernelTimes } from './kernel-times.ts';
import { stepNames, type Figures, type Round, type StepName } from './measure.ts';
import type { Program, ProgramName } from './programs.ts';

/** Everything that runs of the benchmark found on this machine, as written to `.bench/results.json`. */
export interface Results {
  readonly machine: {
    readonly cpu: string;
    readonly threads: number;
    readonly memoryBytes: number;
    readonly system: string;
    readonly node: string;
  };
  sets?: Partial<Record<DataSetName, SetResults>>;
}

export interface SetResults {
  readonly title: string;
  readonly files: number;
  readonly bytes: number;
  readonly days?: number;
  /** Hardware threads that the kernels ran on at once. */
  readonly threads: number;
  /** The state of Holdfast that was measured, as git describes it. */
  readonly commit: string;
  readonly programs: readonly Omit<Program, 'open'>[];
  readonly rounds: Round[];
}

/** One figure of one step, of every program: the median of the rounds. */
export interface Row {
  readonly step: StepName;
  readonly figure: FigureName;
  readonly values: Partial<Record<ProgramName, number>>;
  /** The best peer's value by Holdfast's: above 1 Holdfast is ahead. */
  readonly ratio?: number;
}

const figures = {
  s: { of: ({ seconds }) => seconds, steps: stepNames },
  'CPU s': { of: ({ cpuSeconds }) => cpuSeconds, steps: stepNames },
  'peak MB': { of: ({ peakBytes }) => peakBytes / 1e6, steps: stepNames },
  'stored MB': {
    of: ({ storedBytes }) => storedBytes && storedBytes / 1e6,
    steps: ['full', 'changed', 'versions'],
  },
  'writes and lists': {
    of: ({ requests }) => requests && countOf(requests, (name) => !isRead(name) && !/:Delete/.test(name)),
    steps: stepNames,
  },
  reads: { of: ({ requests }) => requests && countOf(requests, isRead), steps: stepNames },
} as const satisfies Record<
  string,
  { of: (figures: Figures) => number | undefined; steps: readonly StepName[] }
>;
type FigureName = keyof typeof figures;
const figureNames = Object.keys(figures) as FigureName[];

/** Requests that S3 bills as reads; it bills writes and lists alike, and deletions not at all. */
function isRead(name: string): boolean {
  return /:(Get|Head)/.test(name);
}

function countOf(requests: Readonly<Record<string, number>>, counts: (name: string) => boolean): number {
  return sumOf(Object.entries(requests).map(([name, count]) => (counts(name) ? count : 0)));
}

export function rowsOf({ programs, rounds }: SetResults): Row[] {
  return stepNames.flatMap((step) =>
    figureNames.flatMap((figure) => {
      const { of, steps }: { of: (figures: Figures) => number | undefined; steps: readonly StepName[] } =
        figures[figure];
      if (!steps.includes(step)) return [];
      const values: Partial<Record<ProgramName, number>> = {};
      for (const { name } of programs) {
        const measured = rounds.flatMap((round) => {
          const found = round.programs[name]?.[step];
          return (found && of(found)) ?? [];
        });
        if (measured.length > 0) values[name] = medianOf(measured);
      }
      if (Object.keys(values).length === 0) return [];
      const { holdfast, ...peers } = values;
      const best = Math.min(...Object.values(peers));
      const ratio = holdfast === undefined || !Number.isFinite(best) ? undefined : best / holdfast;
      return [{ step, figure, values, ratio }];
    }),
  );
}

/** Titles of the steps in tables and plots. */
export function titleOf(step: StepName, days?: number): string {
  const titles: Readonly<Record<StepName, string>> = {
    full: 'full',
    unchanged: 'unchanged',
    changed: '1 % changed',
    restore: 'restore of all',
    file: 'restore of one file',
    versions: `${days} daily backups`,
    'restore version 1': 'restore of version 1',
    'restore last version': `restore of version ${days}`,
  };
  return titles[step];
}

function measuredSets({ sets }: Results): (readonly [DataSetName, SetResults])[] {
  return dataSetNames.flatMap((name) => {
    const set = sets?.[name];
    return set === undefined ? [] : [[name, set] as const];
  });
}

/** Those whose seconds can be compared: on a bucket, Holdfast has one thread and the emulator the same cores. */
export function timedSets(results: Results): (readonly [DataSetName, SetResults])[] {
  return measuredSets(results).filter(([name]) => name !== 'bucket');
}

export function reportOf(results: Results): string {
  const { machine } = results;
  const measured = measuredSets(results);
  return [
    `Machine: ${machine.cpu}, ${machine.threads} hardware threads, ${megabytes(machine.memoryBytes)} MB memory, ` +
      `${machine.system}, Node ${machine.node}.`,
    '',
    ...programLines(measured.map(([, set]) => set)),
    '',
    '### Targets',
    '',
    ...targetLines(timedSets(results)),
    '',
    ...measured.flatMap(([name, set]) => [...setLines(name, set), '']),
    '### Kernels',
    '',
    ...kernelLines(measured),
  ].join('\n');
}

function programLines(sets: readonly SetResults[]): string[] {
  const programs = new Map(sets.flatMap((set) => set.programs).map((program) => [program.name, program]));
  return tableLines(
    ['program', 'version', 'settings other than its defaults'],
    [...programs.values()].map(({ title, version, settings }) => [title, version, settings]),
  );
}

interface Target {
  readonly title: string;
  readonly reached: (value: number) => boolean;
  readonly value: (set: SetResults, rows: readonly Row[]) => number | undefined;
  readonly digits: number;
}

function ratioTarget(title: string, least: number, step: StepName, figure: FigureName = 's'): Target {
  const value = (_: SetResults, rows: readonly Row[]): number | undefined =>
    rows.find((row) => row.step === step && row.figure === figure)?.ratio;
  return {
    title: `${title} ≥ ${least.toFixed(figure === 's' ? 1 : 2)}`,
    reached: (it) => it >= least,
    value,
    digits: 2,
  };
}

function secondsOf(rows: readonly Row[], step: StepName): number | undefined {
  return rows.find((row) => row.step === step && row.figure === 's')?.values.holdfast;
}

const targets: readonly Target[] = [
  ratioTarget('full', 1.4, 'full'),
  ratioTarget('unchanged', 1.5, 'unchanged'),
  ratioTarget('1 % changed', 1.4, 'changed'),
  ratioTarget('restore of all', 1.5, 'restore'),
  ratioTarget('restore of one file', 2, 'file'),
  ratioTarget('stored', 1, 'full', 'stored MB'),
  {
    title: 'peak memory < 300 MB',
    reached: (value) => value < 300,
    value: (_, rows) => {
      const peaks = rows.flatMap((row) => (row.figure === 'peak MB' ? (row.values.holdfast ?? []) : []));
      return peaks.length === 0 ? undefined : Math.max(...peaks);
    },
    digits: 0,
  },
  {
    title: 'last version by version 1 ≤ 1.2',
    reached: (value) => value <= 1.2,
    value: (_, rows) => {
      const first = secondsOf(rows, 'restore version 1');
      const last = secondsOf(rows, 'restore last version');
      return first && last && last / first;
    },
    digits: 2,
  },
  {
    title: "share of the kernels' limit ≥ 0.70",
    reached: (value) => value >= 0.7,
    value: (set, rows) => {
      const seconds = secondsOf(rows, 'full');
      return seconds && limitSeconds(set) / seconds;
    },
    digits: 2,
  },
];

function targetLines(measured: readonly (readonly [DataSetName, SetResults])[]): string[] {
  const columns = measured.map(([, set]) => ({ set, rows: rowsOf(set) }));
  const body = targets.map(({ title, reached, value, digits }) => [
    title,
    ...columns.map(({ set, rows }) => {
      const found = value(set, rows);
      if (found === undefined || Number.isNaN(found)) return '';
      return reached(found) ? `**${found.toFixed(digits)}**` : found.toFixed(digits);
    }),
  ]);
  return tableLines(['target (reached: bold)', ...measured.map(([name]) => name)], body);
}

function setLines(name: DataSetName, set: SetResults): string[] {
  const { title, files, bytes, days, commit, programs, rounds } = set;
  const body = rowsOf(set).map(({ step, figure, values, ratio }) => {
    const best = Math.min(...Object.values(values));
    return [
      titleOf(step, days),
      figure,
      ...programs.map((program) => {
        const value = values[program.name];
        if (value === undefined) return '';
        return value === best ? `**${figureText(value, figure)}**` : figureText(value, figure);
      }),
      ratio === undefined ? '' : ratio.toFixed(2),
    ];
  });
  return [
    `### ${name}: ${title}`,
    '',
    `${files} files, ${megabytes(bytes)} MB; median of ${rounds.length} round(s); Holdfast at ${commit}.`,
    '',
    ...tableLines(['step', '', ...programs.map((program) => program.title), 'best peer ÷ Holdfast'], body),
  ];
}

/** Seconds that all hardware threads would take if a full backup were nothing but its kernels. */
function limitSeconds({ rounds, threads }: SetResults): number {
  return sumOf(Object.values(kernelsOf(rounds)).map(({ cpuSeconds }) => cpuSeconds)) / threads;
}

function kernelsOf(rounds: readonly Round[]): KernelTimes {
  const runs = rounds.flatMap(({ kernels }) => kernels ?? []);
  return Object.fromEntries(
    kernelNames.map((name) => [
      name,
      {
        bytes: medianOf(runs.map((run) => run[name].bytes)),
        cpuSeconds: medianOf(runs.map((run) => run[name].cpuSeconds)),
      },
    ]),
  ) as KernelTimes;
}

function kernelLines(measured: readonly (readonly [DataSetName, SetResults])[]): string[] {
  const columns = measured.filter(([, { rounds }]) => rounds.some(({ kernels }) => kernels !== undefined));
  const body = kernelNames.map((name) => [
    `${name}, MB/s`,
    ...columns.map(([, { rounds, threads }]) => {
      const { bytes, cpuSeconds } = kernelsOf(rounds)[name];
      return ((threads * bytes) / 1e6 / cpuSeconds).toFixed(0);
    }),
  ]);
  const full = columns.map(([, set]) => rowsOf(set).filter(({ step }) => step === 'full'));
  const valueOf = (column: number, figure: FigureName): number =>
    full[column]?.find((row) => row.figure === figure)?.values.holdfast ?? NaN;
  const limits = columns.map(([, set]) => limitSeconds(set));
  const kernelSeconds = columns.map(([, set]) => limitSeconds(set) * set.threads);
  return tableLines(
    ['all hardware threads at once', ...columns.map(([name]) => name)],
    [
      ...body,
      ['limit of all kernels, s', ...limits.map(secondsText)],
      ['full backup, s', ...limits.map((_, column) => secondsText(valueOf(column, 's')))],
      ['share of the limit', ...limits.map((limit, column) => percent(limit / valueOf(column, 's')))],
      [
        'kernels in its CPU time',
        ...kernelSeconds.map((seconds, column) => percent(seconds / valueOf(column, 'CPU s'))),
      ],
    ],
  );
}

function figureText(value: number, figure: FigureName): string {
  if (figure === 's' || figure === 'CPU s') return value.toFixed(2);
  return value.toFixed(value < 10 && figure !== 'reads' && figure !== 'writes and lists' ? 1 : 0);
}

function secondsText(seconds: number): string {
  return Number.isNaN(seconds) ? '' : seconds.toFixed(2);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

function percent(share: number): string {
  return Number.isNaN(share) ? '' : `${(100 * share).toFixed(0)} %`;
}
