import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { passDay } from './changes.ts';
import { runMeasured, sumOf, type Usage } from './child.ts';
import type { DataSet } from './data-sets.ts';
import { kernelNames, type KernelTimes } from './kernel-times.ts';
import type { Program, ProgramName, Repository, Store } from './programs.ts';
import { compareTrees, listFiles, measureTree } from './trees.ts';

export const stepNames = [
  'full',
  'unchanged',
  'changed',
  'restore',
  'file',
  'versions',
  'restore version 1',
  'restore last version',
] as const;
export type StepName = (typeof stepNames)[number];

export interface Figures extends Usage {
  readonly storedBytes?: number;
  /** Requests to the store, by operation, where that is a service. */
  readonly requests?: Readonly<Record<string, number>>;
}

export type Measured = Partial<Record<StepName, Figures>>;

export interface Round {
  readonly kernels?: KernelTimes;
  readonly programs: Partial<Record<ProgramName, Measured>>;
}

export interface RoundOptions {
  readonly programs: readonly Program[];
  /** A new directory. What is restored and stored lies below it. */
  readonly at: string;
  /** Compares what is restored with the data, byte by byte. */
  readonly compare: boolean;
  readonly log: (line: string) => void;
  /** The store of a program's backups. @default a directory of its own below `at` */
  readonly storeOf?: (program: Program) => Promise<Store>;
  /** Bytes and requests of a store so far; what a step took is the difference. */
  readonly look?: (store: Store) => Promise<Pick<Figures, 'requests'> & { readonly storedBytes: number }>;
}

/** Below this, removing what a round wrote does not slow down the next one. */
const fewFiles = 1000;

/** A program with its store, as a round goes through the steps with it. */
class Contestant {
  readonly program: Program;
  readonly measured: Partial<Record<StepName, Figures>> = {};
  readonly points: string[] = [];
  readonly #options: RoundOptions;
  readonly #store: Store;
  readonly #repository: Repository;
  #storedBytes = 0;

  private constructor(program: Program, options: RoundOptions, store: Store, repository: Repository) {
    this.program = program;
    this.#options = options;
    this.#store = store;
    this.#repository = repository;
  }

  static async make(program: Program, options: RoundOptions): Promise<Contestant | undefined> {
    const at = join(options.at, program.name);
    mkdirSync(at, { recursive: true });
    const store = (await options.storeOf?.(program)) ?? join(at, 'store');
    if (typeof store === 'string') mkdirSync(store);
    const repository = program.open(store, at);
    if (repository === undefined) return undefined;
    const contestant = new Contestant(program, options, store, repository);
    for (const command of repository.init) await runMeasured(command);
    await contestant.#look();
    return contestant;
  }

  async backUp(step: StepName, directory: string): Promise<void> {
    const name = `v${this.points.length + 1}`;
    const { usage, output } = await runMeasured(this.#repository.backUp(directory, name));
    this.points.push(this.#repository.pointOf(output, name));
    await this.#record(step, usage);
  }

  /** @param expected - what the directory had in it when the point was made. */
  async restore(step: StepName, point: string, directory: string, expected = directory): Promise<void> {
    const target = this.#target(step);
    const { usage } = await runMeasured(this.#repository.restore(point, directory, target));
    await this.#record(step, usage);
    if (this.#options.compare) compareTrees(expected, target);
  }

  async restoreFile(point: string, directory: string, path: string): Promise<void> {
    const target = this.#target('file');
    mkdirSync(target);
    const { usage } = await runMeasured(this.#repository.restoreFile(point, directory, path, target));
    await this.#record('file', usage);
    const restored = listFiles(target).find((file) => basename(file) === basename(path));
    if (this.#options.compare) compareTrees(join(directory, path), join(target, restored ?? basename(path)));
  }

  forget(step: StepName): void {
    rmSync(this.#target(step), { recursive: true, force: true });
  }

  #target(step: StepName): string {
    return join(this.#options.at, this.program.name, step.replaceAll(' ', '-'));
  }

  async #record(step: StepName, usage: Usage): Promise<void> {
    const figures = { ...usage, ...(await this.#look()) };
    const before = this.measured[step];
    this.measured[step] = before === undefined ? figures : added(before, figures);
    const { title } = this.program;
    this.#options.log(
      `  ${step}: ${title} ${usage.seconds.toFixed(2)} s, ${usage.cpuSeconds.toFixed(2)} s CPU`,
    );
  }

  /** Bytes and requests that the store got since the last look. */
  async #look(): Promise<Pick<Figures, 'storedBytes' | 'requests'>> {
    const { look } = this.#options;
    const store = this.#store;
    const { requests, storedBytes } =
      look !== undefined
        ? await look(store)
        : { requests: undefined, storedBytes: typeof store === 'string' ? measureTree(store).bytes : NaN };
    const before = this.#storedBytes;
    this.#storedBytes = storedBytes;
    return { storedBytes: storedBytes - before, requests };
  }
}

function added(a: Figures, b: Figures): Figures {
  return {
    seconds: a.seconds + b.seconds,
    cpuSeconds: a.cpuSeconds + b.cpuSeconds,
    peakBytes: Math.max(a.peakBytes, b.peakBytes),
    storedBytes: (a.storedBytes ?? 0) + (b.storedBytes ?? 0),
  };
}

/**
 * Takes all programs through the steps of a data set once. They take turns step by step, each with a store that is
 * new, so that all meet the same machine. The data are in the page cache. Many small files are not removed in the end:
 * for minutes after that, ext4 is several times slower at making new ones.
 */
export async function runRound(set: DataSet, options: RoundOptions): Promise<Round['programs']> {
  mkdirSync(options.at, { recursive: true });
  const contestants: Contestant[] = [];
  for (const program of options.programs) {
    const contestant = await Contestant.make(program, options);
    if (contestant === undefined) options.log(`  ${program.title} cannot write to such a store: left out`);
    else contestants.push(contestant);
  }
  await (set.days === undefined
    ? changeOnce(set, contestants)
    : passDays(set, set.days, options.at, contestants));
  if (set.files < fewFiles) rmSync(options.at, { recursive: true });
  return Object.fromEntries(contestants.map(({ program, measured }) => [program.name, measured]));
}

async function changeOnce(set: DataSet, contestants: readonly Contestant[]): Promise<void> {
  const { directory, oneFile } = set;
  for (const one of contestants) await one.backUp('full', directory);
  for (const one of contestants) await one.backUp('unchanged', directory);
  const undo = set.change();
  try {
    for (const one of contestants) await one.backUp('changed', directory);
    // First, as a restore of all fills the cache of a program that keeps what it has read.
    for (const one of contestants) {
      if (oneFile !== undefined) await one.restoreFile(one.points.at(-1) ?? '', directory, oneFile);
    }
    for (const one of contestants) {
      await one.restore('restore', one.points.at(-1) ?? '', directory);
      if (set.files < fewFiles) one.forget('restore');
    }
  } finally {
    undo();
  }
}

async function passDays(
  { directory }: DataSet,
  days: number,
  at: string,
  contestants: readonly Contestant[],
): Promise<void> {
  const tree = join(at, 'tree');
  cpSync(directory, tree, { recursive: true, preserveTimestamps: true });
  for (let day = 1; day <= days; day++) {
    if (day > 1) passDay(tree, day);
    for (const one of contestants) await one.backUp('versions', tree);
  }
  for (const one of contestants) await one.restore('restore version 1', one.points[0] ?? '', tree, directory);
  for (const one of contestants) await one.restore('restore last version', one.points.at(-1) ?? '', tree);
}

/** Runs the kernels over a data set on all hardware threads at once, and adds up what they took. */
export async function measureKernels(directory: string): Promise<KernelTimes> {
  const program = join(import.meta.dirname, 'kernels.ts');
  const parts = availableParallelism();
  const runs = await Promise.all(
    Array.from({ length: parts }, async (_, part) => {
      const args = [process.execPath, program, directory, String(part), String(parts)];
      return JSON.parse((await runMeasured({ args })).output) as KernelTimes;
    }),
  );
  const total = (name: keyof KernelTimes, figure: 'bytes' | 'cpuSeconds'): number =>
    sumOf(runs.map((run) => run[name][figure]));
  return Object.fromEntries(
    kernelNames.map((name) => [name, { bytes: total(name, 'bytes'), cpuSeconds: total(name, 'cpuSeconds') }]),
  ) as KernelTimes;
}
