import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { glob, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const projectDir = join(import.meta.dirname, '..');
const environmentsDir = join(projectDir, '.emulator', 'venv');

export interface PythonEnvironment {
  /** Name of what is installed, for messages. */
  readonly name: string;
  /** A requirements.txt in which every wheel is pinned by its hashes. */
  readonly requirementsPath: string;
  /** End of a message that says what to do without Python; empty where there is no other way. */
  readonly otherwise: string;
}

export const ministackEnvironment: PythonEnvironment = {
  name: 'MiniStack',
  requirementsPath: join(import.meta.dirname, 'ministack', 'requirements.txt'),
  otherwise:
    ', or use Docker: docker compose -f localstack/compose.yaml up, then set AWS_ENDPOINT_URL=http://127.0.0.1:4566',
};

/** This machine's Python cannot make the environment; the message says what to install. */
class PythonMissingError extends Error {
  override readonly name = 'PythonMissingError';
}

/**
 * Makes sure that a virtual environment of the project has what the requirements say, and returns its Python.
 * One environment per content of requirements.txt and version of Python; building it takes up to 15 seconds,
 * and two that build it at the same time do not disturb each other.
 * @throws PythonMissingError
 */
export async function ensurePython(
  environment: PythonEnvironment,
  log: (line: string) => void,
): Promise<string> {
  const { name, requirementsPath, otherwise } = environment;
  const version = await pythonVersion(environment);
  const requirements = await readFile(requirementsPath, 'utf8');
  const id = createHash('sha256').update(`${version}\n${requirements}`).digest('hex').slice(0, 12);
  const folder = join(environmentsDir, id);
  const python = join(folder, 'bin', 'python');
  if (existsSync(python)) return python;
  log(`installing ${name} into .emulator/venv/${id} (once, up to 15 seconds)`);
  const started = Date.now();
  const building = `${folder}.${randomUUID().slice(0, 8)}`;
  try {
    await mkdir(environmentsDir, { recursive: true });
    const pip = await bundledPip();
    await run('python3', ['-m', 'venv', ...(pip === '' ? [] : ['--without-pip']), building]);
    const env = pip === '' ? process.env : { ...process.env, PYTHONPATH: pip, PYTHONDONTWRITEBYTECODE: '' };
    const install = [
      '-m',
      'pip',
      'install',
      '--no-compile',
      '--quiet',
      '--no-input',
      '--disable-pip-version-check',
    ];
    // The requirements name all that is needed: looking for what each needs in turn takes a second or two.
    const all = [...install, '--no-deps', '--require-hashes', '-r', requirementsPath];
    await run(join(building, 'bin', 'python'), all, { env });
    // Containers often forbid it, for the sake of their layers: each start would compile all modules anew.
    for await (const packages of glob('lib/*/site-packages', { cwd: building }))
      await writeFile(
        join(building, packages, 'keep-compiled.pth'),
        'import sys; sys.dont_write_bytecode = False\n',
      );
    await moveInto(folder, building);
  } catch (error) {
    throw new PythonMissingError(
      `${name} could not be installed from ${relative(projectDir, requirementsPath)}: check that pip reaches its index${otherwise}`,
      { cause: error },
    );
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  log(`installed ${name} in ${((Date.now() - started) / 1000).toFixed(0)} s`);
  return python;
}

/**
 * The pip that Python comes with, unpacked beside the environments: pip in each of them takes as long to install as all
 * of the rest, and out of its wheel, Python compiles it at every call. @returns '' where Python keeps it elsewhere.
 */
async function bundledPip(): Promise<string> {
  const find = [
    'import ensurepip, glob, os, sysconfig',
    "folder = sysconfig.get_config_var('WHEEL_PKG_DIR') or os.path.join(os.path.dirname(ensurepip.__file__), '_bundled')",
    "print(*sorted(glob.glob(os.path.join(glob.escape(folder), 'pip-*.whl')))[-1:])",
  ];
  const wheel = (await run('python3', ['-c', find.join('\n')])).stdout.trim();
  if (wheel === '') return '';
  const folder = join(environmentsDir, basename(wheel, '.whl'));
  if (existsSync(folder)) return folder;
  const unpacking = `${folder}.${randomUUID().slice(0, 8)}`;
  await run('python3', ['-m', 'zipfile', '-e', wheel, unpacking]);
  await moveInto(folder, unpacking);
  return folder;
}

/** Gives what was built its name, unless another has built the same meanwhile. */
async function moveInto(folder: string, built: string): Promise<void> {
  try {
    await rename(built, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
    await rm(built, { recursive: true });
  }
}

async function pythonVersion({ name, otherwise }: PythonEnvironment): Promise<string> {
  const probe = 'import sys; print(sys.version); sys.exit(0 if sys.version_info >= (3, 10) else 3)';
  let version: string;
  try {
    version = (await run('python3', ['-c', probe])).stdout.trim();
  } catch (error) {
    throw new PythonMissingError(
      `${name} needs python3 3.10 or newer, which is not on the PATH: install Python${otherwise}`,
      { cause: error },
    );
  }
  try {
    await run('python3', ['-c', 'import venv, ensurepip']);
  } catch (error) {
    throw new PythonMissingError(
      `${name} needs python3's venv module: install it (Debian and Ubuntu: apt-get install python3-venv)${otherwise}`,
      { cause: error },
    );
  }
  return version;
}
