import { randomUUID } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InvalidInputError, ObjectNotFoundError, type WorkStore } from '@holdfast/engine';
import { errnoOf, isMissing } from '../errno.ts';
import { makeDirectories } from '../target/make-directories.ts';

/** Name of the file that holds what was written once. */
const onlyBody = 'body';

/**
 * Scratch space in a directory of this machine, for runs that the command line drives.
 *
 * `putNew` writes a directory with one file: no file system lets a move replace a directory that is not empty, whoever
 * tries at the same time. Hard links would do the same, but many file systems lack them.
 */
export class DirectoryWorkStore implements WorkStore {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async put(name: string, body: Uint8Array): Promise<void> {
    const path = this.#placeOf(name);
    const temporary = `${path}.${randomUUID()}`;
    await writeFile(temporary, body);
    await rename(temporary, path);
  }

  async putNew(name: string, body: Uint8Array): Promise<'written' | 'taken'> {
    const path = this.#placeOf(name);
    const temporary = `${path}.${randomUUID()}`;
    await mkdir(temporary);
    try {
      await writeFile(join(temporary, onlyBody), body);
      await rename(temporary, path);
      return 'written';
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') return 'taken';
      throw error;
    } finally {
      await rm(temporary, { force: true, recursive: true });
    }
  }

  async get(name: string): Promise<Uint8Array> {
    const path = this.#pathOf(name);
    try {
      return await readFile(path).catch(async (error: unknown) => {
        if (errnoOf(error) === 'EISDIR') return readFile(join(path, onlyBody));
        throw error;
      });
    } catch (error) {
      if (isMissing(error)) throw new ObjectNotFoundError(name, undefined, { cause: error });
      throw error;
    }
  }

  /** Folders below a folder, with the time at which something was last made in each of them. */
  listFolders(folder: string): readonly { readonly name: string; readonly changedAt: Date }[] {
    const path = this.#pathOf(folder);
    const found = unlessMissing(() => readdirSync(path)) ?? [];
    return found.flatMap((name) => {
      const changedAt = unlessMissing(() => statSync(join(path, name)).mtime);
      return changedAt === undefined ? [] : [{ name, changedAt }];
    });
  }

  /** Removes a folder and all that is in it. Succeeds when it is gone already. */
  async removeFolder(folder: string): Promise<void> {
    await rm(this.#pathOf(folder), { force: true, recursive: true });
  }

  #placeOf(name: string): string {
    const path = this.#pathOf(name);
    makeDirectories(dirname(path));
    return path;
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

/** Others may remove the same at the same time. */
function unlessMissing<Answer>(ask: () => Answer): Answer | undefined {
  try {
    return ask();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
