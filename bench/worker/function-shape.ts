import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Memory at which a function has one processor; others have as much more or less. */
export const processorMegabytes = 1769;

/**
 * Memory and share of the processors that a function has: a process that needs more memory is killed, one that needs more
 * of a processor waits.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
 */
export interface FunctionShape {
  /** A shell's command line that runs another one in this shape. */
  readonly around: (command: string) => string;
  readonly end: () => void;
}

const periodMicroseconds = 100_000;

type Settings = Readonly<Record<string, string | number>>;

/**
 * Makes control groups of either version, whose processes come before all others. `undefined` where this user may not.
 */
export function makeShape(memoryMegabytes: number): FunctionShape | undefined {
  const memoryBytes = memoryMegabytes * 2 ** 20;
  const quota = Math.round((memoryMegabytes / processorMegabytes) * periodMicroseconds);
  const groups =
    tryGroups([
      [
        '/sys/fs/cgroup/cpu',
        { 'cpu.cfs_period_us': periodMicroseconds, 'cpu.cfs_quota_us': quota, 'cpu.shares': 262_144 },
      ],
      ['/sys/fs/cgroup/memory', { 'memory.limit_in_bytes': memoryBytes }],
    ]) ??
    tryGroups([
      [
        '/sys/fs/cgroup',
        { 'cpu.max': `${quota} ${periodMicroseconds}`, 'memory.max': memoryBytes, 'cpu.weight': 10_000 },
      ],
    ]);
  if (groups === undefined) return undefined;
  const enter = groups.map((group) => `echo $$ > ${join(group, 'cgroup.procs')} && `).join('');
  return { around: (command) => `${enter}exec ${command}`, end: () => groups.forEach(removeGroup) };
}

function tryGroups(wanted: readonly (readonly [parent: string, settings: Settings])[]): string[] | undefined {
  const made: string[] = [];
  try {
    for (const [parent, settings] of wanted) {
      const group = join(parent, `holdfast-bench-${process.pid}`);
      mkdirSync(group);
      made.push(group);
      for (const [name, value] of Object.entries(settings)) writeFileSync(join(group, name), String(value));
    }
    return made;
  } catch {
    made.forEach(removeGroup);
    return undefined;
  }
}

function removeGroup(group: string): void {
  rmdirSync(group);
}
