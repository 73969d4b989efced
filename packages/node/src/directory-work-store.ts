import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { InvalidInputError, ObjectNotFoundError, type WorkStore } from '@holdfast/engine';

/** Scratch space in a directory of this machine, for runs that are driven from the command line. */
export class DirectoryWorkStore implements WorkStore {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async put(name: string, body: Uint8Array): Promise<void> {
    const path = this.#pathOf(name);
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${randomUUID()}`;
    await writeFile(temporary, body);
    await rename(temporary, path);
  }

  async putNew(name: string, body: Uint8Array): Promise<'written' | 'taken'> {
    const path = this.#pathOf(name);
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${randomUUID()}`;
    await writeFile(temporary, body);
    try {
      // A link to a name that is taken is refused, whoever else tries at the same time.
      await link(temporary, path);
      return 'written';
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return 'taken';
      throw error;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async get(name: string): Promise<Uint8Array> {
    try {
      return await readFile(this.#pathOf(name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT')
        throw new ObjectNotFoundError(name, undefined, { cause: error });
      throw error;
    }
  }

  #pathOf(name: string): string {
    if (name.split('/').some((part) => part === '' || part === '.' || part === '..')) {
      throw new InvalidInputError(
        `"${name}" is not a name of a work object; use names like runs/<id>/plan.json`,
      );
    }
    return join(this.#root, name);
  }
}
