import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import { BackupError } from '../../src/errors.ts';
import { SeededRandom } from '../../src/testing/index.ts';
import { seedsOf } from '../thoroughness.ts';
import { below, mutate } from './mutate.ts';

/** Mutants of each parser in the gate. */
const mutantsInGate = 200;
/** What a parser may keep in use beside its input, whatever lengths that claims: far below what they can claim. */
const memoryLimitBytes = 400 * 2 ** 20;
const memoryLookedAtEvery = 16;

/** What a parser made of a mutant: its complaints, none if it took it. */
type Verdict = readonly BackupError[];

/** Something that is fuzzed. */
export interface Target {
  readonly name: string;
  /** Real bytes that mutants are made of. */
  readonly corpus: readonly Uint8Array[];
  /** Mutants in the gate; fewer for what is slow. */
  readonly mutants?: number;
  /** Names of the errors that this parser may throw or report. */
  readonly errors: readonly string[];
  /**
   * Parses a mutant of `corpus[at]`. @throws what the parser throws.
   * @returns what it reported.
   */
  readonly parse: (mutant: Uint8Array, at: number) => Promise<Verdict | void> | Verdict | void;
  /** A mutant that is taken without a complaint must be this much like what a writer writes. @throws it is not. */
  readonly checkTaken?: (mutant: Uint8Array, at: number) => void;
}

/** Feeds mutants to a parser: every complaint is of the right class, and memory stays bounded. */
export async function fuzz({
  name,
  corpus,
  errors,
  mutants = mutantsInGate,
  parse,
  checkTaken,
}: Target): Promise<void> {
  const seeds = seedsOf(mutants);
  const complaints = new Map<string, number>();
  const start = memoryInUse();
  let peak = start;
  for (const seed of seeds) {
    const random = new SeededRandom(`${name} ${seed}`);
    const at = below(corpus.length, random);
    const mutant = mutate(corpus[at] as Uint8Array, corpus, random);
    const where = `${name}, seed ${seed}`;
    const found = await complaintsOf(async () => parse(mutant, at), where);
    for (const error of found) {
      expect(errors, `${where}: ${error.stack ?? error.message}`).toContain(error.name);
      complaints.set(error.name, (complaints.get(error.name) ?? 0) + 1);
    }
    if (found.length === 0) {
      checkTaken?.(mutant, at);
      complaints.set('taken', (complaints.get('taken') ?? 0) + 1);
    }
    if (seed % memoryLookedAtEvery === 0) {
      // The collector takes its time where it may; what it could take does not count.
      if (memoryInUse() - start >= memoryLimitBytes) collectGarbage();
      peak = Math.max(peak, memoryInUse());
    }
  }
  expect(peak - start, `${name}: memory`).toBeLessThan(memoryLimitBytes);
  const counts = [...complaints].map(([what, count]) => `${count} ${what}`).join(', ');
  console.info(`${name}: ${seeds.length} mutants: ${counts}`);
}

async function complaintsOf(parse: () => Promise<Verdict | void>, where: string): Promise<Verdict> {
  try {
    return (await parse()) ?? [];
  } catch (error) {
    if (error instanceof BackupError) return [error];
    throw new Error(`${where} crashed`, { cause: error });
  }
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

function memoryInUse(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
