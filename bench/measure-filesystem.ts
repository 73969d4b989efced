import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { medianOf, runMeasured, type Usage } from './child.ts';
import { measureTree, whileChanged, type DataSet } from './data-set.ts';
import { ResticRepository } from './restic.ts';

export const stepNames = ['full', 'unchanged', 'changed', 'restore'] as const;
export type StepName = (typeof stepNames)[number];

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
 * Measures Holdfast and, where it is installed, restic on one data set in a directory of this machine. The two take
 * turns step by step, in another order every other round, so that both meet the same machine. Both flush what they
 * store to the disk. The first round compares what was restored with the data set.
 * @param program - Holdfast's command line.
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

/** Keeps compiled code from one call to the next, where the command line keeps it. */
export const keepCompiledCode = {
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../node_modules/.cache/holdfast', import.meta.url)),
} as const;

export class HoldfastVault {
  readonly #program: string;
  readonly #at: string;
  readonly #workers: number;

  private constructor(program: string, at: string, workers: number) {
    this.#program = program;
    this.#at = at;
    this.#workers = workers;
  }

  static make(program: string, at: string, workers = 2): HoldfastVault {
    mkdirSync(at, { recursive: true });
    const vault = new HoldfastVault(program, at, workers);
    execFileSync(process.execPath, vault.#args('init'));
    return vault;
  }

  async backUp(type: 'full' | 'incremental', directory: string): Promise<Usage> {
    return this.#run('backup', '--directory', directory, '--type', type);
  }

  async restore(source: string, directory: string): Promise<Usage> {
    return this.#run('restore', source, '--to-directory', directory);
  }

  storedBytes(): number {
    return measureTree(join(this.#at, 'vault', 'vault')).bytes;
  }

  async #run(...command: string[]): Promise<Usage> {
    const args = this.#args(...command, '--workers', String(this.#workers));
    return (await runMeasured(process.execPath, args, keepCompiledCode)).usage;
  }

  #args(...command: string[]): string[] {
    const where = ['--vault', join(this.#at, 'vault'), '--key-file', join(this.#at, 'key')];
    return [this.#program, ...command, ...where];
  }
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
  const vault = HoldfastVault.make(program, at);
  return {
    name: 'holdfast',
    run: async (step) =>
      step === 'restore'
        ? vault.restore(data.directory, join(at, 'restored'))
        : vault.backUp(step === 'full' ? 'full' : 'incremental', data.directory),
    storedBytes: () => vault.storedBytes(),
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
