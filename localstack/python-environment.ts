import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const requirementsPath = join(import.meta.dirname, 'ministack', 'requirements.txt');
const emulatorDir = join(import.meta.dirname, '..', '.emulator');
const docker =
  'or use Docker: docker compose -f localstack/compose.yaml up, then set AWS_ENDPOINT_URL=http://127.0.0.1:4566';

/** This machine's Python cannot run MiniStack; the message says what to install. */
class PythonMissingError extends Error {
  override readonly name = 'PythonMissingError';
}

/**
 * Makes sure that MiniStack is installed in a virtual environment of the project, and returns its Python.
 * One environment per content of requirements.txt and version of Python; building it takes about 15 seconds,
 * and two that build it at the same time do not disturb each other.
 * @throws PythonMissingError
 */
export async function ensurePython(log: (line: string) => void): Promise<string> {
  const version = await pythonVersion();
  const requirements = await readFile(requirementsPath, 'utf8');
  const id = createHash('sha256').update(`${version}\n${requirements}`).digest('hex').slice(0, 12);
  const folder = join(emulatorDir, 'venv', id);
  const python = join(folder, 'bin', 'python');
  if (existsSync(python)) return python;
  log(`installing MiniStack into .emulator/venv/${id} (once, about 15 seconds)`);
  const started = Date.now();
  const building = `${folder}.${randomUUID().slice(0, 8)}`;
  try {
    await mkdir(join(emulatorDir, 'venv'), { recursive: true });
    await run('python3', ['-m', 'venv', building]);
    const install = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check'];
    await run(join(building, 'bin', 'python'), [...install, '--require-hashes', '-r', requirementsPath]);
    await rename(building, folder).catch((error: unknown) => {
      if (!existsSync(python)) throw error;
    });
  } catch (error) {
    throw new PythonMissingError(
      `MiniStack could not be installed from localstack/ministack/requirements.txt: check that pip reaches its index, ${docker}`,
      { cause: error },
    );
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  log(`installed MiniStack in ${((Date.now() - started) / 1000).toFixed(0)} s`);
  return python;
}

async function pythonVersion(): Promise<string> {
  const probe = 'import sys; print(sys.version); sys.exit(0 if sys.version_info >= (3, 10) else 3)';
  let version: string;
  try {
    version = (await run('python3', ['-c', probe])).stdout.trim();
  } catch (error) {
    throw new PythonMissingError(`python3 3.10 or newer is not on the PATH: install Python, ${docker}`, {
      cause: error,
    });
  }
  try {
    await run('python3', ['-c', 'import venv, ensurepip']);
  } catch (error) {
    throw new PythonMissingError(
      `python3 has no venv module: install it (Debian and Ubuntu: apt-get install python3-venv), ${docker}`,
      { cause: error },
    );
  }
  return version;
}
