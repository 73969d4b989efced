import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Usage {
  /** Wall-clock time. */
  readonly seconds: number;
  /** User and system time of the process, all of its threads and its children. */
  readonly cpuSeconds: number;
  /** Largest resident set; where a program is several processes, the largest sum of theirs. */
  readonly peakBytes: number;
}

export interface Command {
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Directory that it runs in. */
  readonly cwd?: string;
}

const gnuTime = '/usr/bin/time';
const residentPageBytes = 4096;
const pollMilliseconds = 25;

/**
 * Runs a program to its end and tells what it took and what it printed. The disk has nothing left to write when it
 * starts. CPU time and memory are the system's own figures, by GNU time; where that is missing they are NaN.
 * @throws when it fails; the message has what it said.
 */
export async function runMeasured(
  command: Command,
): Promise<{ readonly usage: Usage; readonly output: string }> {
  execFileSync('sync');
  const scratch = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  const figures = join(scratch, 'time');
  const timed = existsSync(gnuTime);
  const prefix = timed ? [gnuTime, '-f', '%U %S %M', '-o', figures] : [];
  const started = performance.now();
  try {
    const { output, treeBytes } = await run({ ...command, args: [...prefix, ...command.args] });
    const seconds = (performance.now() - started) / 1000;
    // After "Command exited with non-zero status", where there is such a line.
    const line = timed ? (readFileSync(figures, 'utf8').trim().split('\n').at(-1) ?? '') : '';
    const [user = NaN, system = NaN, peakKib = NaN] = line === '' ? [] : line.split(' ').map(Number);
    const peakBytes = Math.max(peakKib * 1024, treeBytes);
    return { usage: { seconds, cpuSeconds: user + system, peakBytes }, output };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Runs a program to its end and gives what it printed. `treeBytes` is 0 where it was one process all the time. */
async function run({
  args: [program = '', ...args],
  environment,
  cwd,
}: Command): Promise<{ readonly output: string; readonly treeBytes: number }> {
  const child = spawn(program, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd,
  });
  let output = '';
  let complaints = '';
  let treeBytes = 0;
  child.stdout.on('data', (text: Buffer) => (output += text.toString('utf8')));
  child.stderr.on('data', (text: Buffer) => (complaints += text.toString('utf8')));
  const poll = setInterval(() => {
    const tree = descendantsOf(child.pid ?? 0);
    if (tree.length > 1) treeBytes = Math.max(treeBytes, sumOf(tree.map(residentBytes)));
  }, pollMilliseconds);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  }).finally(() => clearInterval(poll));
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${complaints}${output}`);
  return { output, treeBytes };
}

function descendantsOf(pid: number): number[] {
  try {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
    return children.flatMap((child) => [child, ...descendantsOf(child)]);
  } catch {
    // It has ended, or this system has no /proc.
    return [];
  }
}

function residentBytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * residentPageBytes;
  } catch {
    return 0;
  }
}

export function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

export function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
