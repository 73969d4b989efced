import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';

import {
  extendedAttributesOf,
  type ExtendedAttribute,
  findModifiedNs,
  type SourceEntry,
} from '@holdfast/engine';
import type { UnkeptFact } from '@holdfast/engine/model';

/**
 * Reads lines, each a list with one row for a path: what to do, the path, names and values of extended attributes, and a
 * time in nanoseconds; bytes as base64. Answers each with a line, a list of as many texts: `x` where attributes could not
 * be set or are others, `t` for the time. A file that its owner may not write to is made writable for attributes that
 * need it. What Python takes for no path or name, as with a NUL in it, is refused like what the system refuses: an error
 * that ended the process would leave all later files without their facts.
 */
const program = `
import base64, json, os, stat, sys
raw = base64.b64decode
def setx(path, name, value):
    try:
        os.setxattr(path, name, value, follow_symlinks=False)
    except PermissionError:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode) or mode & 0o200: raise
        os.chmod(path, stat.S_IMODE(mode) | 0o200)
        try: os.setxattr(path, name, value, follow_symlinks=False)
        finally: os.chmod(path, stat.S_IMODE(mode))
def has(path, name, value):
    return os.getxattr(path, name, follow_symlinks=False) == value
def run(do, path, names, ns):
    said = ''
    for name, value in names:
        try:
            if do == 'set': setx(path, raw(name), raw(value))
            elif not has(path, raw(name), raw(value)): said = 'x'
        except (OSError, AttributeError, ValueError): said = 'x'
    try:
        if ns is not None and do == 'set': os.utime(path, ns=(ns, ns), follow_symlinks=False)
        if ns is not None and os.lstat(path).st_mtime_ns != ns: said += 't'
    except (OSError, OverflowError, ValueError): said += 't'
    return said
for line in sys.stdin:
    print(json.dumps([run(do, raw(path), names, ns if ns is None else int(ns)) for do, path, names, ns in json.loads(line)]), flush=True)
`;

type Process = ChildProcessByStdio<Writable, Readable, null>;

/** Attributes by which a file gets rights, which nobody takes from whoever may write to a bucket. */
const givesRights = /^(?:security|trusted)\./;

/** A row of a line, see {@link program}. */
type Row = readonly [
  act: 'set' | 'look',
  path: string,
  names: readonly (readonly [string, string])[],
  ns: string | null,
];

interface Wanted {
  readonly extended: readonly ExtendedAttribute[];
  readonly ns: bigint | undefined;
}

/**
 * Sets what Node has no calls for: extended attributes, ACLs among them, and times to the nanosecond. The system's Python
 * does it, in one process for a whole restore; where there is none, attributes are not kept, and times have the quarter
 * of a microsecond that Node sets.
 */
export class ExactFacts {
  readonly #command: string;
  #process: Process | undefined;
  #isMissing = false;
  /** Rows of the next line. Files that are written side by side share one: each line is a switch to Python and back. */
  #rows: Row[] = [];
  readonly #waiting: ((answer: string | undefined) => void)[] = [];

  /** @param command - the name of Python 3. */
  constructor(command = 'python3') {
    this.#command = command;
  }

  /** Tells that an entry has more than Node can set. */
  areWanted(entry: SourceEntry): boolean {
    const { extended, ns } = wantedOf(entry);
    return extended.length > 0 || ns !== undefined;
  }

  /** Sets the facts on a file, directory or link itself, all others of which are set already. */
  async apply(path: Buffer, entry: SourceEntry): Promise<readonly UnkeptFact[]> {
    const refused = hasRefused(entry);
    const answer = await this.#ask('set', path, wantedOf(entry));
    const unkept: UnkeptFact[] = [];
    if (refused || answer.includes('x')) unkept.push('xattrs');
    if (answer.includes('t')) unkept.push('time');
    return unkept;
  }

  async areSetOn(path: Buffer, entry: SourceEntry): Promise<boolean> {
    return !this.areWanted(entry) || (await this.#ask('look', path, wantedOf(entry))) === '';
  }

  /** Ends the process; the next call begins another. */
  async close(): Promise<void> {
    const process = this.#process;
    if (process === undefined) return;
    this.#flush();
    this.#process = undefined;
    process.stdin.end();
    if (process.exitCode === null) await once(process, 'close');
  }

  async #ask(act: 'set' | 'look', path: Buffer, { extended, ns }: Wanted): Promise<string> {
    if (extended.length === 0 && ns === undefined) return '';
    const names = extended.map(({ name, value }) => [base64(name), base64(value)] as const);
    const answer = await this.#send([act, base64(path), names, ns === undefined ? null : `${ns}`]);
    if (answer !== undefined) return answer;
    // What cannot be set is no difference that writing again would mend.
    return act === 'set' && extended.length > 0 ? 'x' : '';
  }

  async #send(row: Row): Promise<string | undefined> {
    if (this.#isMissing) return undefined;
    this.#process ??= this.#begin();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#rows.push(row);
      if (this.#rows.length === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    if (this.#rows.length > 0) this.#process?.stdin.write(`${JSON.stringify(this.#rows)}\n`);
    this.#rows = [];
  }

  #begin(): Process {
    // Loaded for a restore that needs it: they take milliseconds of every start.
    const { spawn } = process.getBuiltinModule('node:child_process');
    const { createInterface } = process.getBuiltinModule('node:readline');
    // Isolated: nothing of the user's own Python takes part.
    const python = spawn(this.#command, ['-I', '-c', program], { stdio: ['pipe', 'pipe', 'ignore'] });
    const end = (): void => {
      if (this.#process === python) {
        this.#process = undefined;
        this.#isMissing = true;
      }
      this.#rows = [];
      for (const resolve of this.#waiting.splice(0)) resolve(undefined);
    };
    python.on('error', end);
    python.on('close', end);
    python.stdin.on('error', end);
    createInterface({ input: python.stdout }).on('line', (line) => {
      const answers = JSON.parse(line) as readonly string[];
      for (const [at, resolve] of this.#waiting.splice(0, answers.length).entries()) resolve(answers[at]);
    });
    return python;
  }
}

function wantedOf(entry: SourceEntry): Wanted {
  const ns = findModifiedNs(entry);
  return {
    extended: extendedAttributesOf(entry).filter((one) => !isRefused(entry, one)),
    // Node sets whole seconds exactly.
    ns: ns !== undefined && ns % 1_000_000_000n === 0n ? undefined : ns,
  };
}

function hasRefused(entry: SourceEntry): boolean {
  return entry.kind === 'object' && extendedAttributesOf(entry).some((one) => isRefused(entry, one));
}

function isRefused({ kind }: SourceEntry, { name }: ExtendedAttribute): boolean {
  return kind === 'object' && givesRights.test(Buffer.from(name).toString('latin1'));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
