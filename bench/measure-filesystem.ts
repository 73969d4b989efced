import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { medianOf, runMeasured, type Usage } from './child.ts';
import { measureTree, whileChanged, type DataSet } from './data-set.ts';
import { ResticRepository } from './restic.ts';

/** The steps that are measured, in their order. */
export const stepNames = ['full', 'unchanged', 'changed', 'restore'] as const;
export type StepName = (typeof stepNames)[number];

/** What a program took for each step, and what it stored. */
export interface Measured {
  readonly steps: Readonly<Record<StepName, Usage>>;
  /** Bytes on the disk after the full backup, and after the incremental one of one changed file in a hundred. */
  readonly fullBytes: number;
  readonly changedBytes: number;
}

interface Contestant {
  readonly name: 'holdfast' | 'restic';
  run(step: StepName): Promise<Usage>;
  storedBytes(): number;
}

/**
 * Measures Holdfast and, where it is installed, restic on one data set in a directory of this machine: step by step in
 * turn, in another order every other round, so that both meet the same machine. Both flush what they store to the
 * disk. What was restored is compared with the data set in the first round.
 * @param program - Holdfast's steps.
 */
export async function measureFilesystem(
  program: string,
  data: DataSet,
  scratch: string,
  options: {
    readonly rounds: number;
    readonly restic: boolean;
    /** Called before every round, and after the last one. */
    readonly betweenRounds: () => Promise<void>;
    readonly log: (line: string) => void;
  },
): Promise<{ readonly holdfast: Measured; readonly restic?: Measured }> {
  const found = { holdfast: [] as Measured[], restic: [] as Measured[] };
  rmSync(scratch, { recursive: true, force: true });
  for (let round = 0; round < options.rounds; round++) {
    const at = join(scratch, `round-${round}`);
    mkdirSync(at, { recursive: true });
    const contestants: Contestant[] = [holdfastIn(program, join(at, 'holdfast'), data)];
    if (options.restic) contestants.push(resticIn(join(at, 'restic'), data));
    if (round % 2 === 1) contestants.reverse();
    const measured = new Map(contestants.map((one) => [one, new RoundOf(one)]));
    const runAll = async (step: StepName): Promise<void> => {
      for (const [{ name }, of] of measured) {
        const { seconds, cpuSeconds } = await of.run(step);
        options.log(
          `round ${round + 1} ${name} ${step}: ${seconds.toFixed(2)} s, ${cpuSeconds.toFixed(2)} s CPU`,
        );
      }
    };
    await options.betweenRounds();
    await runAll('full');
    await runAll('unchanged');
    await whileChanged(data, async () => {
      await runAll('changed');
      await runAll('restore');
      if (round === 0) compareTrees(data.directory, join(at, 'holdfast', 'restored'));
    });
    for (const [{ name }, of] of measured) found[name].push(of.result());
  }
  await options.betweenRounds();
  // Not earlier: for minutes after many files were removed, ext4 is several times slower at making new ones.
  rmSync(scratch, { recursive: true, force: true });
  return {
    holdfast: medianOfRounds(found.holdfast),
    ...(options.restic && { restic: medianOfRounds(found.restic) }),
  };
}

/** Compiled code stays from one call to the next, where the command line keeps it. */
export const keepCompiledCode = {
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../node_modules/.cache/holdfast', import.meta.url)),
} as const;

/** Runs one step of Holdfast in a process of its own. */
export async function runHoldfast(
  program: string,
  step: string,
  at: string,
  directory: string,
  workers = 2,
): Promise<Usage> {
  const args = [program, step, at, directory, String(workers)];
  return (await runMeasured(process.execPath, args, keepCompiledCode)).usage;
}

/** @throws when two trees differ in a name or a byte. */
export function compareTrees(expected: string, actual: string): void {
  execFileSync('diff', ['-rq', '--no-dereference', expected, actual], { stdio: 'inherit' });
}

class RoundOf {
  readonly #contestant: Contestant;
  readonly #steps = new Map<StepName, Usage>();
  readonly #stored = new Map<StepName, number>();

  constructor(contestant: Contestant) {
    this.#contestant = contestant;
  }

  async run(step: StepName): Promise<Usage> {
    const usage = await this.#contestant.run(step);
    this.#steps.set(step, usage);
    this.#stored.set(step, this.#contestant.storedBytes());
    return usage;
  }

  result(): Measured {
    return {
      steps: Object.fromEntries(this.#steps) as Measured['steps'],
      fullBytes: this.#stored.get('full') ?? NaN,
      changedBytes: this.#stored.get('changed') ?? NaN,
    };
  }
}

function holdfastIn(program: string, at: string, data: DataSet): Contestant {
  return {
    name: 'holdfast',
    run: async (step) => {
      if (step === 'restore') return runHoldfast(program, 'restore', at, join(at, 'restored'));
      return runHoldfast(program, step === 'full' ? 'full' : 'incremental', at, data.directory);
    },
    storedBytes: () => measureTree(join(at, 'vault', 'vault')).bytes,
  };
}

function resticIn(at: string, data: DataSet): Contestant {
  const repository = ResticRepository.make(at);
  return {
    name: 'restic',
    run: async (step) =>
      step === 'restore' ? repository.restore(join(at, 'restored')) : repository.backUp(data.directory),
    storedBytes: () => measureTree(repository.directory).bytes,
  };
}

function medianOfRounds(rounds: readonly Measured[]): Measured {
  const last = rounds.at(-1) as Measured;
  const steps = stepNames.map((step) => [step, medianOf(rounds.map((round) => round.steps[step]))]);
  return { ...last, steps: Object.fromEntries(steps) as Measured['steps'] };
}
