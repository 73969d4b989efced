// npm run bench [-- --quick] [--json] [--rounds=3] [--no-s3]
// Measures backup and restore beside the speeds of their kernels and beside restic; see docs/benchmarks.md.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundlePrograms } from './bundle-programs.ts';
import { runMeasured } from './child.ts';
import { linkSlices, prepareDataSet, sliceOf } from './data-set.ts';
import type { KernelTimes } from './kernels.ts';
import { HoldfastVault, measureFilesystem } from './measure-filesystem.ts';
import { measureS3 } from './measure-s3.ts';
import { reportOf, type Results } from './report.ts';
import { findRestic } from './restic.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    s3: { type: 'boolean', default: true },
  },
  allowNegative: true,
});
const project = fileURLToPath(new URL('..', import.meta.url));
const scratch = join(project, '.bench');
const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
const log = (line: string): void => console.error(line);

mkdirSync(scratch, { recursive: true });
const data = prepareDataSet(scratch, join(project, 'node_modules'), values.quick ? 1 : 10, log);
log(`data set: ${data.files} files, ${(data.bytes / 1e6).toFixed(0)} MB`);
const restic = findRestic();
const programs = await bundlePrograms(join(scratch, 'programs'));

// The kernels read all of the data, so everything after them finds it in the page cache.
const kernelProgram = fileURLToPath(new URL('kernels.ts', import.meta.url));
const runKernels = async (): Promise<KernelTimes> =>
  JSON.parse((await runMeasured(process.execPath, [kernelProgram, data.directory])).output) as KernelTimes;
const kernelRuns: KernelTimes[] = [];
const filesystem = await measureFilesystem(programs.holdfast, data, join(scratch, 'run'), {
  rounds,
  restic: restic !== undefined,
  // Kernels run between the rounds, as the speed of a shared machine varies over time.
  betweenRounds: async () => void kernelRuns.push(await runKernels()),
  log,
});

const kernels = middleOf(kernelRuns);

const memory: Results['memory'][number][] = [];
const linked = join(scratch, 'linked');
rmSync(linked, { recursive: true, force: true });
const parts = values.quick ? [data] : [sliceOf(data, 0), linkSlices(data, 3, linked), data];
for (const part of parts) {
  const at = join(scratch, 'memory');
  const { peakBytes } = await HoldfastVault.make(programs.holdfast, at, 1).backUp('full', part.directory);
  rmSync(at, { recursive: true });
  memory.push({ bytes: part.bytes, workers: 1, peakBytes });
}
rmSync(linked, { recursive: true, force: true });
const s3 = values.s3
  ? await measureS3(programs.s3Step, sliceOf(data, 0), join(scratch, 's3'), log)
  : undefined;

const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as { version: string };
const results: Results = {
  machine: {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
  },
  versions: { holdfast: version, node: process.versions.node, restic },
  data,
  rounds,
  kernels,
  filesystem,
  s3,
  memory,
};
writeFileSync(join(scratch, 'results.json'), `${JSON.stringify(results, undefined, 2)}\n`);
console.log(values.json ? JSON.stringify(results, undefined, 2) : reportOf(results));

function middleOf(runs: readonly KernelTimes[]): KernelTimes {
  const names = Object.keys(runs[0] ?? {}) as (keyof KernelTimes)[];
  const middles = names.map((name) => {
    const sorted = runs.map((run) => run[name]).toSorted((one, other) => one.cpuSeconds - other.cpuSeconds);
    return [name, sorted[Math.floor(sorted.length / 2)]];
  });
  return Object.fromEntries(middles) as KernelTimes;
}
