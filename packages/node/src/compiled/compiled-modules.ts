import { closeSync, constants, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

export interface CompiledModulesOptions {
  /** Of the modules: each is a function of CommonJS (`exports`, `require`, `module`, `__filename`, `__dirname`). */
  readonly directory: string;
  /** Kind of process. Each kind has code of its own: what another one calls would have to be read with the rest. */
  readonly kind: string;
}

interface LoadedModule {
  exports: Readonly<Record<string, unknown>>;
}

type ModuleFunction = (
  exports: LoadedModule['exports'],
  require: (name: string) => unknown,
  module: LoadedModule,
  path: string,
  directory: string,
) => void;

interface KeptCode {
  /** Processes that have added to it. */
  readonly writers: number;
  readonly bytes: Buffer;
}

/** Places of 32-bit numbers, little-endian: CRC-32 of the source, of the code, and the writers; code begins where V8 wants it. */
const header = { source: 0, code: 4, writers: 8, bytes: 16 } as const;

/** Processes that add what they called to the code: the first may have printed no more than help. */
const writersMost = 5;

/** Nothing but a file is waited for, or written. */
const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_TRUNC, O_WRONLY } = constants;
const readFlags = O_RDONLY | O_NONBLOCK;
const writeFlags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK;

/** Commands that have code of their own. */
const ownKinds: ReadonlySet<string> = new Set(['backup', 'restore']);

/** The kind of a process with such a command line. */
export function kindOf(words: readonly string[]): string {
  return words.find((word) => ownKinds.has(word)) ?? 'other';
}

/**
 * Loads the modules of a packaged program with code that earlier processes compiled. Node's own compile cache has
 * only what is compiled while a module loads; this one also has the functions that those processes called, whose compiling
 * takes a third of a short command.
 *
 * The code lies in the program's directory, wherever that is installed: whoever can write there could change the
 * program itself. Where that is nobody who runs it, all is compiled anew each time.
 */
export class CompiledModules {
  readonly #directory: string;
  readonly #cache: string;
  readonly #require: NodeJS.Require;
  readonly #loaded = new Map<string, LoadedModule>();
  /** Modules whose code is still added to. */
  readonly #growing = new Map<
    string,
    { readonly script: Script; readonly source: Buffer; readonly kept: KeptCode | undefined }
  >();

  constructor({ directory, kind }: CompiledModulesOptions) {
    this.#directory = directory;
    // Code is of one version of V8. Git and `npm pack` leave `node_modules` out.
    const node = `${process.version}-${process.arch}`;
    this.#cache = join(directory, 'node_modules', '.cache', 'holdfast', node, kind);
    this.#require = createRequire(join(directory, 'package.json'));
  }

  /** @param name - file name in the directory. @returns the module's exports. */
  load(name: string): LoadedModule['exports'] {
    const known = this.#loaded.get(name);
    if (known !== undefined) return known.exports;
    const path = join(this.#directory, name);
    const source = readFileSync(path);
    const kept = this.#readCode(name, source);
    // Bundles are ASCII.
    const script = new Script(source.toString('latin1'), { filename: path, cachedData: kept?.bytes });
    const isUsed = script.cachedDataRejected === false;
    if (!isUsed || kept === undefined || kept.writers < writersMost)
      this.#growing.set(name, { script, source, kept: isUsed ? kept : undefined });
    const module: LoadedModule = { exports: {} };
    this.#loaded.set(name, module);
    try {
      const run = script.runInThisContext() as ModuleFunction;
      run(module.exports, (wanted) => this.#requireFrom(wanted), module, path, this.#directory);
    } catch (error) {
      this.#loaded.delete(name);
      throw error;
    }
    return module.exports;
  }

  /** Keeps what has been compiled by now: call it when the process has done its work. */
  keep(): void {
    const growing = [...this.#growing];
    this.#growing.clear();
    try {
      if (growing.length > 0) mkdirSync(this.#cache, { recursive: true, mode: 0o700 });
    } catch {
      // Nobody who runs the program may write there.
      return;
    }
    for (const [name, { script, source, kept }] of growing) {
      const compiled = script.createCachedData();
      // A long process has given up functions that it called in the beginning.
      const bytes = kept !== undefined && kept.bytes.length > compiled.length ? kept.bytes : compiled;
      this.#writeCode(name, source, { writers: (kept?.writers ?? 0) + 1, bytes });
    }
  }

  #requireFrom(name: string): unknown {
    return name.startsWith('./') ? this.load(name.slice(2)) : this.#require(name);
  }

  #readCode(name: string, source: Buffer): KeptCode | undefined {
    try {
      const bytes = readFileSync(join(this.#cache, name), { flag: readFlags });
      const code = bytes.subarray(header.bytes);
      // V8 compares lengths of sources only, and trusts the code; another process may be writing it.
      const isWhole =
        bytes.readUInt32LE(header.source) === crc32(source) &&
        bytes.readUInt32LE(header.code) === crc32(code);
      return isWhole ? { writers: bytes.readUInt32LE(header.writers), bytes: code } : undefined;
    } catch {
      return undefined;
    }
  }

  #writeCode(name: string, source: Buffer, { writers, bytes }: KeptCode): void {
    const head = Buffer.alloc(header.bytes);
    head.writeUInt32LE(crc32(source), header.source);
    head.writeUInt32LE(crc32(bytes), header.code);
    head.writeUInt32LE(writers, header.writers);
    try {
      const file = openSync(join(this.#cache, name), writeFlags, 0o600);
      try {
        writeFileSync(file, Buffer.concat([head, bytes]));
      } finally {
        closeSync(file);
      }
    } catch {
      // The disk is full, or something else has the name: the next process compiles anew.
    }
  }
}
