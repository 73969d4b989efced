// npm run bench [-- --data=source,media] [--programs=holdfast,restic] [--rounds=5] [--minutes=20] [--quick] [--json]
//               [--estimate] [--publish]
// Measures Holdfast beside other backup programs and beside the speeds of its kernels; see docs/benchmarks.md.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { productVersion } from '@holdfast/engine/model';
import { build } from 'esbuild';
import { aloneOptions } from '../scripts/build-entry.ts';
import { buildProgram } from '../scripts/build-program.ts';
import { dataSetNames, prepareDataSet, type DataSet, type DataSetName } from './data-sets.ts';
import { estimateOf, expectedSeconds } from './estimate.ts';
import { runRoundOnBuckets } from './measure-bucket.ts';
import { measureKernels, runRound } from './measure.ts';
import { findPeers, holdfast, peerNames, programNames, scratchDirectory, type Program } from './programs.ts';
import { publish } from './publish.ts';
import { reportOf, type Results } from './report.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: dataSetNames.join(',') },
    programs: { type: 'string', default: programNames.join(',') },
    rounds: { type: 'string' },
    minutes: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    estimate: { type: 'boolean', default: false },
    publish: { type: 'boolean', default: false },
  },
});
const { quick } = values;
if (quick && values.publish)
  throw new Error('--quick measures too little to be published; leave one of them out');
const rounds = Number(values.rounds ?? (quick ? 1 : 5));
const wantedData = namesIn(values.data, dataSetNames);
const wantedPrograms = namesIn(values.programs, programNames);
const log = (line: string): void => console.error(line);

mkdirSync(scratchDirectory, { recursive: true });
const sets = wantedData.flatMap(
  (name) => prepareDataSet(name, { directory: join(scratchDirectory, 'data'), quick, log }) ?? [],
);
log(estimateOf(sets, wantedPrograms.length, rounds));
if (values.estimate) process.exit(0);

const programs = [
  ...(wantedPrograms.includes('holdfast') ? [await buildHoldfast()] : []),
  ...findPeers(
    peerNames.filter((name) => wantedPrograms.includes(name)),
    (name) => log(`${name} is not here and left out; node bench/get-peers.ts ${name} builds it`),
  ),
];
for (const { title, version } of programs) log(`${title} ${version}`);

const resultsFile = join(scratchDirectory, quick ? 'results-quick.json' : 'results.json');
const results: Results = {
  // Results of other runs on other data stay.
  ...(existsSync(resultsFile) && (JSON.parse(readFileSync(resultsFile, 'utf8')) as Results)),
  machine: {
    cpu: cpus()[0]?.model ?? 'unknown',
    threads: cpus().length,
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    node: process.versions.node,
  },
};
// A new one, so that nothing has to be removed before the end: see runRound.
const scratch = join(scratchDirectory, 'runs', String(Date.now()));
for (const { name } of sets) delete results.sets?.[name];

const endsAt = performance.now() + Number(values.minutes ?? Infinity) * 60_000;
const taken = new Map<DataSetName, number>();
for (let round = 0; round < rounds; round++) {
  for (const set of sets) {
    // The same requests every time, and that is what counts there.
    if (set.name === 'bucket' && round > 0) continue;
    const missing = findMissing(set);
    if (missing !== undefined) {
      log(`round ${round + 1} of ${set.name} is left out: ${missing} are not left`);
      continue;
    }
    const started = performance.now();
    await measureRound(set, round);
    taken.set(set.name, (performance.now() - started) / 1000);
    writeFileSync(resultsFile, `${JSON.stringify(results, undefined, 2)}\n`);
  }
}
rmSync(dirname(scratch), { recursive: true, force: true });
console.log(values.json ? JSON.stringify(results, undefined, 2) : reportOf(results));
if (values.publish) publish(results);

/** Time or room that a round on a data set would need and does not have. */
function findMissing(set: DataSet): string | undefined {
  const seconds = taken.get(set.name) ?? expectedSeconds(set, programs.length);
  if (performance.now() + seconds * 1000 > endsAt) return `${(seconds / 60).toFixed(1)} minutes`;
  const bytes = programs.length * (1.5 * set.bytes + 4096 * set.files);
  const { bavail, bsize } = statfsSync(scratchDirectory);
  return bavail * bsize < bytes ? `${(bytes / 1e9).toFixed(1)} GB of disk` : undefined;
}

async function measureRound(set: DataSet, round: number): Promise<void> {
  log(`${set.name}, round ${round + 1}: ${set.files} files, ${(set.bytes / 1e6).toFixed(0)} MB`);
  const first = round % programs.length;
  const options = {
    programs: [...programs.slice(first), ...programs.slice(0, first)],
    at: join(scratch, `${set.name}-${round}`),
    compare: round === 0,
    log,
  };
  // The kernels read all of the data, so that everything after them finds it in the page cache.
  const kernels = await measureKernels(set.directory);
  const measured = await (set.name === 'bucket' ? runRoundOnBuckets(set, options) : runRound(set, options));
  const { title, files, bytes, days } = set;
  results.sets ??= {};
  results.sets[set.name] ??= {
    title,
    files,
    bytes,
    days,
    threads: availableParallelism(),
    commit: execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=7'], {
      encoding: 'utf8',
    }).trim(),
    programs: programs.map(({ name, title: programTitle, version, settings }) => ({
      name,
      title: programTitle,
      version,
      settings,
    })),
    rounds: [],
  };
  // Only a single full backup has as many threads as the kernels.
  const comparable = set.name !== 'bucket' && set.days === undefined;
  results.sets[set.name]?.rounds.push({ kernels: comparable ? kernels : undefined, programs: measured });
}

async function buildHoldfast(): Promise<Program> {
  const directory = join(scratchDirectory, 'programs');
  await buildProgram(join(directory, 'holdfast'));
  await build({
    ...aloneOptions,
    entryPoints: { 's3-step': join(import.meta.dirname, 's3-step.ts') },
    outdir: directory,
    outExtension: { '.js': '.mjs' },
  });
  const paths = {
    program: join(directory, 'holdfast', 'holdfast.js'),
    s3Step: join(directory, 's3-step.mjs'),
  };
  return holdfast(paths, productVersion);
}

function namesIn<Name extends string>(text: string, known: readonly Name[]): Name[] {
  return text.split(',').map((name) => {
    const found = known.find((one) => one === name);
    if (found === undefined) throw new Error(`${name} is not one of ${known.join(', ')}`);
    return found;
  });
}
