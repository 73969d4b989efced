import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import * as z from 'zod';

/** Names of the deployment or vault that was listed last, for a shell to complete: none is looked up for that. */
export const KnownNames = z.object({ resources: z.array(z.string()), points: z.array(z.string()) });
export type KnownNames = Readonly<z.infer<typeof KnownNames>>;

/** Text between two calls of the program. */
export interface NamesFile {
  /** `undefined` where names are not kept; fails where they cannot be read. */
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

const fileName = 'names.json';

/** Most of each: what a person picks from. */
const mostNames = 500;

/** Names that a shell, or this program, takes for more are left out, whoever chose them: options, too. */
const plainName = /^[\w.][\w.-]*$/;

export async function readNames(file: NamesFile): Promise<KnownNames> {
  try {
    return KnownNames.parse(JSON.parse((await file.read()) ?? ''));
  } catch {
    return { resources: [], points: [] };
  }
}

/** Keeps names for completion; those of the other kind stay. That it fails is no failure of a command. */
export async function keepNames(file: NamesFile, names: Partial<KnownNames>): Promise<void> {
  const known = { ...(await readNames(file)), ...names };
  const text = JSON.stringify({ resources: plainNames(known.resources), points: plainNames(known.points) });
  await file.write(text).catch(() => {});
}

function plainNames(names: readonly string[]): readonly string[] {
  return [...new Set(names)].filter((name) => plainName.test(name)).slice(0, mostNames);
}

/**
 * The file of the person who runs the program, which nobody else may read.
 * @param findHome - throws where the system knows none, as of a user of a container that has only a number.
 */
export function namesFileOf(
  env: Readonly<Record<string, string | undefined>>,
  findHome: () => string = homedir,
): NamesFile {
  const findFolder = (): string =>
    path.join(env['XDG_CACHE_HOME'] || path.join(env['HOME'] || findHome(), '.cache'), 'holdfast');
  return {
    read: async () => readFile(path.join(findFolder(), fileName), 'utf8'),
    async write(text) {
      const folder = findFolder();
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const file = path.join(folder, fileName);
      const staged = `${file}.${process.pid}`;
      await writeFile(staged, text, { mode: 0o600 });
      await rename(staged, file);
    },
  };
}
