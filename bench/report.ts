import type { DataSet } from './data-set.ts';
import type { KernelTimes } from './kernels.ts';
import { stepNames, type Measured, type StepName } from './measure-filesystem.ts';

/** Everything that one run of the benchmark found, as written to `.bench/results.json`. */
export interface Results {
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly system: string;
  };
  readonly versions: { readonly holdfast: string; readonly node: string; readonly restic?: string };
  readonly data: DataSet;
  readonly rounds: number;
  readonly kernels: KernelTimes;
  readonly filesystem: { readonly holdfast: Measured; readonly restic?: Measured };
  readonly s3?: Measured & { readonly data: DataSet };
  readonly memory: readonly {
    readonly bytes: number;
    readonly workers: number;
    readonly peakBytes: number;
  }[];
}

/** Threads of the measured backups, and so the cores that the limit is computed for. */
const cores = 2;

const titles: Readonly<Record<StepName, string>> = {
  full: 'full backup',
  unchanged: 'incremental, nothing changed',
  changed: 'incremental, 1 % of files changed',
  restore: 'restore',
};

/** Seconds that two cores would take if a full backup were nothing but its kernels. */
export function limitSeconds(kernels: KernelTimes): number {
  return Object.values(kernels).reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) / cores;
}

export function reportOf(results: Results): string {
  const { machine, versions, data, filesystem, s3 } = results;
  const lines = [
    `Machine: ${machine.cpu}, ${machine.cores} cores, ${megabytes(machine.memoryBytes, 0)} MB memory, ${machine.system}.`,
    `Versions: ${Object.entries(versions)
      .map(([name, version]) => (version?.startsWith(name) ? version : `${name} ${version}`))
      .join(', ')}.`,
    `Data: ${data.files} files, ${megabytes(data.bytes, 0)} MB. Median of ${results.rounds} round(s).`,
    '',
    '### Holdfast and restic, directory of this machine',
    '',
    ...table(filesystem, data),
    '',
    '### Kernels',
    '',
    ...kernelLines(results),
    '',
  ];
  if (s3 !== undefined) {
    lines.push(
      `### S3 emulator on the same cores, one thread, ${s3.data.files} files, ${megabytes(s3.data.bytes, 0)} MB`,
      '',
      ...table({ holdfast: s3 }, s3.data),
      '',
    );
  }
  lines.push(
    '### Memory of a full backup',
    '',
    ...rows(
      ['data', 'threads', 'peak memory'],
      results.memory.map(({ bytes, workers, peakBytes }) => [
        `${megabytes(bytes, 0)} MB`,
        String(workers),
        `${megabytes(peakBytes, 0)} MB`,
      ]),
    ),
  );
  return lines.join('\n');
}

function table(measured: Readonly<Record<string, Measured | undefined>>, data: DataSet): string[] {
  const body: string[][] = [];
  for (const step of stepNames) {
    for (const [name, of] of Object.entries(measured)) {
      if (of === undefined) continue;
      const { seconds, cpuSeconds, peakBytes } = of.steps[step];
      const stored =
        step === 'full' ? of.fullBytes : step === 'changed' ? of.changedBytes - of.fullBytes : undefined;
      body.push([
        titles[step],
        name,
        seconds.toFixed(2),
        (data.bytes / 1e6 / seconds).toFixed(0),
        cpuSeconds.toFixed(2),
        megabytes(peakBytes, 0),
        stored === undefined ? '' : megabytes(stored, 1),
      ]);
    }
  }
  return rows(['step', 'program', 's', 'MB/s', 'CPU s', 'peak MB', 'stored MB'], body);
}

function kernelLines({ kernels, data, filesystem }: Results): string[] {
  const body = Object.entries(kernels).map(([name, { bytes, cpuSeconds }]) => [
    name,
    megabytes(bytes, 0),
    cpuSeconds.toFixed(2),
    (bytes / 1e6 / cpuSeconds).toFixed(0),
  ]);
  const limit = limitSeconds(kernels);
  const { seconds, cpuSeconds } = filesystem.holdfast.steps.full;
  return [
    ...rows(['kernel', 'MB', 'CPU s', 'MB/s on one core'], body),
    '',
    `Limit of two cores: ${(data.bytes / 1e6 / limit).toFixed(0)} MB/s (${limit.toFixed(2)} s). ` +
      `The full backup reaches ${percent(limit / seconds)} of it; of its CPU time, ${percent((limit * cores) / cpuSeconds)} is kernels.`,
  ];
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function rows(head: readonly string[], body: readonly (readonly string[])[]): string[] {
  return [line(head), line(head.map(() => '---')), ...body.map(line)];
}

function megabytes(bytes: number, digits: number): string {
  return Number.isNaN(bytes) ? '?' : (bytes / 1e6).toFixed(digits);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
