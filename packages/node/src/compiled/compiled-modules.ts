import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

export interface CompiledModulesOptions {
  /** Of the modules: each is a function of CommonJS (`exports`, `require`, `module`, `__filename`, `__dirname`). */
  readonly directory: string;
  /**
   * Names the kind of process, such as a command. Each has its own compiled code: what another one never calls would have to
   * be read with the rest.
   */
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

/** CRC-32 of the source and of the code, little-endian; then nothing up to where V8 wants code to begin. */
const header = { source: 0, code: 4, bytes: 16 } as const;

/** The command of a command line: its first word that can be one, and else `program`. */
export function commandIn(words: readonly string[]): string {
  return words.find((word) => /^[a-z][a-z-]{0,20}$/.test(word)) ?? 'program';
}

/**
 * Loads the modules of a packaged program with the code that an earlier process compiled. Node's own compile cache
 * has only what is compiled while a module loads; this one has every function that was called, half of what a short command
 * takes.
 *
 * The code lies in the program's directory, wherever that is installed: whoever can write there could change the
 * program itself. Where that is nobody who runs it, all is compiled anew each time.
 */
export class CompiledModules {
  readonly #directory: string;
  readonly #cache: string;
  readonly #require: NodeJS.Require;
  readonly #loaded = new Map<string, LoadedModule>();
  /** Modules without code that could be used, by their names. */
  readonly #lacking = new Map<string, { readonly script: Script; readonly source: Buffer }>();

  constructor({ directory, kind }: CompiledModulesOptions) {
    this.#directory = directory;
    // `node_modules`, as git and `npm pack` leave that out. Another version of V8 would refuse the code.
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
    const cachedData = this.#readCode(name, source);
    const script = new Script(source.toString('latin1'), { filename: path, cachedData });
    if (script.cachedDataRejected !== false) this.#lacking.set(name, { script, source });
    const module: LoadedModule = { exports: {} };
    this.#loaded.set(name, module);
    const run = script.runInThisContext() as ModuleFunction;
    run(module.exports, (wanted) => this.#requireFrom(wanted), module, path, this.#directory);
    return module.exports;
  }

  /** Keeps what has been compiled by now of modules that had no code: call it when the process has done its work. */
  keep(): void {
    try {
      for (const [name, { script, source }] of this.#lacking)
        this.#writeCode(name, source, script.createCachedData());
    } catch {
      // Nobody who runs the program can write there, or the disk is full.
    }
    this.#lacking.clear();
  }

  #requireFrom(name: string): unknown {
    return name.startsWith('./') ? this.load(name.slice(2)) : this.#require(name);
  }

  #readCode(name: string, source: Buffer): Buffer | undefined {
    try {
      const bytes = readFileSync(join(this.#cache, name));
      const code = bytes.subarray(header.bytes);
      // V8 compares lengths of sources only, and trusts the code.
      const isWhole =
        bytes.readUInt32LE(header.source) === crc32(source) &&
        bytes.readUInt32LE(header.code) === crc32(code);
      return isWhole ? code : undefined;
    } catch {
      return undefined;
    }
  }

  #writeCode(name: string, source: Buffer, code: Buffer): void {
    const head = Buffer.alloc(header.bytes);
    head.writeUInt32LE(crc32(source), header.source);
    head.writeUInt32LE(crc32(code), header.code);
    const path = join(this.#cache, name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const beside = `${path}.${process.pid}`;
    try {
      writeFileSync(beside, Buffer.concat([head, code]), { mode: 0o600, flag: 'wx' });
      renameSync(beside, path);
    } catch (error) {
      rmSync(beside, { force: true });
      throw error;
    }
  }
}
