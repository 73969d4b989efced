import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Usage {
  /** Wall-clock time. */
  readonly seconds: number;
  /** User and system time of the process and all of its threads. */
  readonly cpuSeconds: number;
  /** Largest resident set. */
  readonly peakBytes: number;
}

const gnuTime = '/usr/bin/time';

/**
 * Runs a program to its end and tells what it took and what it printed. The disk has nothing left to write when it
 * starts. CPU time and memory are the system's own figures, by GNU time; where that is missing they are NaN.
 * @throws when it fails; the message has what it said.
 */
export async function runMeasured(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly usage: Usage; readonly output: string }> {
  execFileSync('sync');
  const scratch = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  const figures = join(scratch, 'time');
  const timed = existsSync(gnuTime);
  const started = performance.now();
  try {
    const output = timed
      ? await run(gnuTime, ['-f', '%U %S %M', '-o', figures, command, ...args], environment)
      : await run(command, args, environment);
    const seconds = (performance.now() - started) / 1000;
    const [user = NaN, system = NaN, peakKib = NaN] = timed
      ? readFileSync(figures, 'utf8').split(' ').map(Number)
      : [];
    return { usage: { seconds, cpuSeconds: user + system, peakBytes: peakKib * 1024 }, output };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function run(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  const child = spawn(command, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let complaints = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString('utf8')));
  child.stderr.on('data', (text: Buffer) => (complaints += text.toString('utf8')));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${complaints}${output}`);
  return output;
}

export function medianOf(usages: readonly Usage[]): Usage {
  const middle = (figure: (usage: Usage) => number): number => {
    const sorted = usages.map(figure).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? NaN;
  };
  return {
    seconds: middle(({ seconds }) => seconds),
    cpuSeconds: middle(({ cpuSeconds }) => cpuSeconds),
    peakBytes: middle(({ peakBytes }) => peakBytes),
  };
}
