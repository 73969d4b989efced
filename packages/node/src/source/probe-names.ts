import { closeSync, constants, lstatSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';

import { errnoOf } from '../errno.ts';
import { pathBytes } from './raw-path.ts';
import type { RawPath } from './raw-path.ts';

/**
 * Rule by which a directory takes names. `exact`: every name is one of its own, and is listed as it was given.
 * `folding`: some are taken for others (letter case, Unicode forms, dots and spaces at the end) or are changed when
 * they are stored. By `inode`: two names of one file show the same inode. By `listing`: they do not, as in some file
 * systems in user space.
 */
export type NameRule =
  | { readonly kind: 'exact' }
  | { readonly kind: 'folding'; readonly toldBy: 'inode' | 'listing' };

/** Names that a file system may refuse, store as another, or find under another. UTF-8, all different. */
const tried: readonly string[] = [
  'Caf\u00e9',
  // Decomposed; HFS+ stores the name above so.
  'Re\u0301sume\u0301',
  'colon:star*ask?quote"less<more>pipe|back\\slash',
  'control\u0001',
  'long'.padEnd(255, 'x'),
];

/** Other names that a file system may take for a name. */
function alikeOf(name: string): readonly string[] {
  const forms = [name.normalize('NFC'), name.normalize('NFD'), name.toUpperCase(), name.toLowerCase()];
  return [...forms, `${name}.`, `${name} `].filter((other) => other !== name);
}

/**
 * Finds the rule by which a directory takes names: makes a few files in a directory of its own there, looks at them,
 * and removes them. A directory in which nothing can be made is taken for one that folds.
 * @param probe - full path of the directory to make; nothing is there.
 */
export function probeNames(probe: RawPath): NameRule {
  try {
    mkdirSync(pathBytes(probe), 0o700);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return { kind: 'folding', toldBy: 'listing' };
  }
  try {
    const seconds = tried.map((name) => findSecondName(probe, name)).filter((second) => second !== undefined);
    if (seconds.length === 0) return { kind: 'exact' };
    return { kind: 'folding', toldBy: seconds.every(({ sameInode }) => sameInode) ? 'inode' : 'listing' };
  } finally {
    rmSync(pathBytes(probe), { recursive: true, force: true });
  }
}

/** Makes a file, and looks for it under another name than it was given. */
function findSecondName(probe: RawPath, name: string): { readonly sameInode: boolean } | undefined {
  const full = (other: Buffer): Buffer => Buffer.concat([pathBytes(`${probe}/`), other]);
  const given = Buffer.from(name, 'utf8');
  try {
    closeSync(openSync(full(given), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    // A refused name is taken for nothing else.
    return undefined;
  }
  const listed = readdirSync(pathBytes(probe), 'buffer');
  const stored = listed.some((other) => other.equals(given)) ? [] : listed;
  const made = findInode(full(given));
  const others = [...stored, ...alikeOf(name).map((other) => Buffer.from(other, 'utf8'))];
  const inodes = others.map((other) => findInode(full(other))).filter((inode) => inode !== undefined);
  rmSync(full(given), { force: true });
  return inodes.length === 0 ? undefined : { sameInode: inodes.every((inode) => inode === made) };
}

function findInode(full: Buffer): bigint | undefined {
  try {
    return lstatSync(full, { bigint: true, throwIfNoEntry: false })?.ino;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
