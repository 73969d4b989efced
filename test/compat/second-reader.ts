import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensurePython, type PythonEnvironment } from '../../localstack/python-environment.ts';
import type { ListedFile } from './listed-file.ts';

const run = promisify(execFile);
const mostOutputBytes = 256 * 2 ** 20;

const environment: PythonEnvironment = {
  name: 'the second reader of the format',
  requirementsPath: join(import.meta.dirname, 'requirements.txt'),
  otherwise: '',
};

let installed: Promise<string> | undefined;

/** Its Python, looked for once in a process. */
function findPython(): Promise<string> {
  installed ??= ensurePython(environment, () => {});
  return installed;
}

/** A point as the second reader prints it. */
export interface SecondReading {
  readonly point: string;
  readonly resource: string;
  readonly type: string;
  readonly warnings: number;
  readonly entries: readonly ListedFile[];
  /** Objects that hold the chunks, and the pages that were read. */
  readonly packs?: number;
  readonly pagePacks?: number;
  readonly image?: unknown;
}

/** What the second reader is asked to read. */
export interface SecondReaderOptions {
  /** Plain copy of a vault, or a container's file that is all there is. */
  readonly vault: string | { readonly containerFile: string };
  /** Key file, or private key of the offline recipient in PEM, without a passphrase. */
  readonly keyFile: string | { readonly offlineKey: string };
  /** @default all points */
  readonly point?: string;
  /** Pack id of a container that is read by itself, from `format.json`, `keys/` and its own object. */
  readonly container?: string;
  /** A directory that does not exist, for the files of the one point. */
  readonly restore?: string;
}

/**
 * Reads a vault with the Python program beside this file, which shares no code with the product.
 * Its environment is installed on first use, which takes a package index.
 * @throws an error with the program's own words: what is damaged, and how.
 */
export async function readWithSecondReader(options: SecondReaderOptions): Promise<readonly SecondReading[]> {
  const { vault, keyFile, point, container, restore } = options;
  const python = await findPython();
  const args = [
    ...(typeof vault === 'string' ? ['--vault', vault] : ['--container-file', vault.containerFile]),
    ...(typeof keyFile === 'string' ? ['--key-file', keyFile] : ['--offline-key', keyFile.offlineKey]),
    ...(point === undefined ? [] : ['--point', point]),
    ...(container === undefined ? [] : ['--container', container]),
    ...(restore === undefined ? [] : ['--restore', restore]),
  ];
  const program = join(import.meta.dirname, 'read_vault.py');
  const { stdout } = await run(python, [program, ...args], { maxBuffer: mostOutputBytes });
  return (JSON.parse(stdout) as { readonly points: readonly SecondReading[] }).points;
}

/**
 * Runs the second reader's own tests: of rules that no damage breaks, only a writer with the keys.
 * @returns what they print.
 */
export async function testSecondReader(): Promise<string> {
  const python = await findPython();
  const { stderr } = await run(python, [join(import.meta.dirname, 'vault_format_test.py')]);
  return stderr;
}
