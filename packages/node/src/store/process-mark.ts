import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

import { errnoOf } from '../errno.ts';

/**
 * Mark of a process in names of files that others find after its death: `<machine>-<boot>-<pid>-<start>`, so that
 * another process that has the number by now does not count.
 */
export interface ProcessMark {
  readonly text: string;
  /** Tells that a mark's process has ended, as far as can be known from here: never for one of another machine. */
  readonly hasEnded: (text: string) => boolean;
}

const markPattern = /^([0-9a-f]{16})-([0-9a-f]{8})-(\d{1,10})-(\d{1,20})$/;

/** The mark of this process, the same for all of its threads. */
export function makeProcessMark(): ProcessMark {
  const { machine, boot } = thisMachine();
  return {
    text: `${machine}-${boot}-${process.pid}-${startOf(process.pid) ?? '0'}`,
    hasEnded: (text) => findProcess(text) === 'ended',
  };
}

/** Asks the process of a mark to stop, if it still runs. @returns true when it is one of this machine. */
export function interruptProcess(mark: string): boolean {
  const found = findProcess(mark);
  if (typeof found === 'number') process.kill(found, 'SIGINT');
  return found !== 'elsewhere';
}

/** Id of a mark's process while it runs; `elsewhere` means on another machine, or unknown. */
function findProcess(mark: string): number | 'ended' | 'elsewhere' {
  const { machine, boot } = thisMachine();
  const [, ofMachine, ofBoot, pid, start] = markPattern.exec(mark) ?? [];
  if (ofMachine !== machine) return 'elsewhere';
  return ofBoot === boot && isRunning(Number(pid), start ?? '') ? Number(pid) : 'ended';
}

function thisMachine(): { readonly machine: string; readonly boot: string } {
  return {
    // Processes of another container have ids of their own: it counts as another machine.
    machine: digestOf([hostname(), readOr('', () => readlinkSync('/proc/self/ns/pid'))], 16),
    boot: digestOf([readOr('', () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'))], 8),
  };
}

function isRunning(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
  }
  const found = startOf(pid);
  return found === undefined || found === start;
}

/** Start of a process in ticks since the machine's: field 22 of proc(5). Absent where there is no `/proc`. */
function startOf(pid: number): string | undefined {
  const stat = readOr('', () => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The second field is a name in parentheses, which may hold spaces and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function readOr(otherwise: string, read: () => string): string {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

function digestOf(parts: readonly string[], digits: number): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, digits);
}
