import { lstatSync, opendirSync, readdirSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';

import { RestorePathError } from '@holdfast/engine';

import { errnoOf } from '../errno.ts';
import { probeNames } from '../source/probe-names.ts';
import type { NameRule } from '../source/probe-names.ts';
import { pathBytes, shownPath } from '../source/raw-path.ts';
import type { RawPath } from '../source/raw-path.ts';

/** Characters of a name that count when names are grouped that may be one. */
const looseLength = 100;
/** Names of a directory that are searched for one with a letter. */
const peekedNames = 64;

interface Claims {
  readonly rule: NameRule;
  readonly device: bigint | undefined;
  /** Names that entries of this restore have, by what they share with names that may be taken for them. */
  readonly names: Map<string, RawPath[]>;
}

/**
 * Names of a restore's entries, in directories whose file system takes some names for others: there, the second of two
 * entries with one place is refused, whatever the rule, as it would take the place of the first.
 *
 * The file system alone knows that two names are one, so it is asked: both lead to the same file. Entries have to come
 * in the order of their paths, so that a repetition comes to the same; only the directories above the present one are
 * remembered.
 */
export class ClaimedNames {
  readonly #root: RawPath;
  readonly #nextProbe: () => string;
  readonly #isNew: (directory: RawPath) => boolean;
  readonly #directories = new Map<RawPath, Claims>();
  /** Directory that was looked at last, when all on the way to it are exact. */
  #lastExact: RawPath | undefined;
  /** A new directory, with a `/`, when all on the way to it are exact: so is all that this restore makes in it. */
  #newExact: string | undefined;

  /**
   * @param nextProbe - names directories that are made for a moment.
   * @param isNew - tells directories that this restore has made.
   */
  constructor(root: RawPath, nextProbe: () => string, isNew: (directory: RawPath) => boolean) {
    this.#root = root;
    this.#nextProbe = nextProbe;
    this.#isNew = isNew;
  }

  /** Tells that a file system takes some names for others anywhere on a path. Looks once at each directory. */
  isFolding(path: RawPath): boolean {
    if (this.#newExact !== undefined && path.startsWith(this.#newExact)) return false;
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/'))) as RawPath;
    if (parent === this.#lastExact) return false;
    this.#forget(path);
    const directories = directoriesOf(path);
    const isFolding = directories.some((directory) => this.#claimsOf(directory).rule.kind === 'folding');
    this.#lastExact = isFolding ? undefined : parent;
    const outermost = isFolding ? undefined : directories.find((directory) => this.#isNew(directory));
    this.#newExact = outermost && `${outermost}/`;
    return isFolding;
  }

  /**
   * Takes a path for an entry.
   * @throws {@link RestorePathError} another entry has it, under another name.
   */
  claim(path: RawPath): void {
    this.#forget(path);
    for (const [level, directory] of directoriesOf(path).entries()) {
      const { rule, names } = this.#claimsOf(directory);
      if (rule.kind === 'exact') continue;
      const name = (path.split('/')[level] ?? '') as RawPath;
      const loose = looseOf(name);
      const alike = names.get(loose) ?? [];
      if (alike.includes(name)) continue;
      const full = this.#fullPath(directory);
      const taker = alike.find((other) => isOnePlace(full, other, name, rule.toldBy));
      if (taker !== undefined) {
        throw new RestorePathError(
          shownPath(path),
          `the file system takes it for ${JSON.stringify(shownPath(taker))} of the same point, which has its place; ` +
            'restore it to a bucket, or by its path elsewhere',
        );
      }
      names.set(loose, [...alike, name]);
    }
  }

  #claimsOf(directory: RawPath): Claims {
    const known = this.#directories.get(directory);
    if (known !== undefined) return known;
    const claims = { ...this.#look(directory), names: new Map<string, RawPath[]>() };
    this.#directories.set(directory, claims);
    return claims;
  }

  #look(directory: RawPath): Omit<Claims, 'names'> {
    const full = this.#fullPath(directory);
    const slash = directory.lastIndexOf('/');
    const above =
      directory === '' ? undefined : this.#claimsOf(directory.slice(0, Math.max(0, slash)) as RawPath);
    // A new directory takes after the one that it is made in, and lies on the same device.
    if (above !== undefined && this.#isNew(directory)) return above;
    const stats = lstatSync(pathBytes(full === '' ? '/' : full), { bigint: true, throwIfNoEntry: false });
    const probe = (): NameRule => probeNames(`${full}/${this.#nextProbe()}` as RawPath);
    if (above === undefined) return { rule: probe(), device: stats?.dev };
    // It will be made, or the entry is refused.
    if (stats?.isDirectory() !== true) return above;
    if (stats.dev !== above.device) return { rule: probe(), device: stats.dev };
    // Some file systems fold by directory, which cannot be seen in the one above.
    if (above.rule.kind === 'exact' && foldsCase(full)) return { rule: probe(), device: stats.dev };
    return above;
  }

  /** Forgets directories that no later path leads into. */
  #forget(path: RawPath): void {
    for (const directory of this.#directories.keys())
      if (directory !== '' && !path.startsWith(`${directory}/`)) this.#directories.delete(directory);
  }

  #fullPath(directory: RawPath): RawPath {
    return (directory === '' ? this.#root : `${this.#root}/${directory}`) as RawPath;
  }
}

/** The directories that a path goes through, the root first. */
function directoriesOf(path: RawPath): readonly RawPath[] {
  const parts = path.split('/');
  return parts.map((_, length) => parts.slice(0, length).join('/') as RawPath);
}

/** A form that is the same for all names that a file system takes for one; names that share it need not be one. */
function looseOf(name: RawPath): string {
  const letters = shownPath(name)
    .normalize('NFKD')
    .toUpperCase()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '');
  return letters.slice(0, looseLength);
}

/** Tells that a directory finds one of its names in other letters. Asks, and makes nothing. */
function foldsCase(full: RawPath): boolean {
  try {
    return findsOtherLetters(full);
  } catch (error) {
    // A directory that may not be looked into.
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

function findsOtherLetters(full: RawPath): boolean {
  const directory = opendirSync(pathBytes(full), { encoding: 'latin1' });
  try {
    for (let count = 0; count < peekedNames; count += 1) {
      const name = directory.readSync()?.name;
      if (name === undefined) return false;
      const other = name.replaceAll(/[a-zA-Z]/g, (letter) =>
        letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
      );
      if (other === name) continue;
      return isOnePlace(full, name as RawPath, other as RawPath, 'listing');
    }
    return false;
  } finally {
    directory.closeSync();
  }
}

/** Tells that two names in a directory lead to one thing. Two hard links to one file are listed by both their names. */
function isOnePlace(directory: RawPath, one: RawPath, other: RawPath, toldBy: 'inode' | 'listing'): boolean {
  const [first, second] = [findStats(`${directory}/${one}`), findStats(`${directory}/${other}`)];
  if (first === undefined || second === undefined) return false;
  if (toldBy === 'inode' && (first.ino !== second.ino || first.dev !== second.dev)) return false;
  const listed = new Set<string>(readdirSync(pathBytes(directory), 'latin1'));
  return !(listed.has(one) && listed.has(other));
}

function findStats(path: string): BigIntStats | undefined {
  return lstatSync(pathBytes(path), { bigint: true, throwIfNoEntry: false });
}
