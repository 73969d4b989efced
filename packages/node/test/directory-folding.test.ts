import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { SourceEntry } from '@holdfast/engine';
import type { OverwriteRule } from '@holdfast/engine/model';
import { SeededRandom } from '@holdfast/engine/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { probeNames } from '../src/source/probe-names.ts';
import { rawPathOfText } from '../src/source/raw-path.ts';
import { findExtraEntries } from '../src/target/extra-entries.ts';
import { folding } from './folding-file-system.ts';
import { directory, entry, link, makeTarget, pieces } from './target-under-test.ts';
import { makeTempDir } from './temp-dir.ts';

vi.mock('node:fs', async (importOriginal) => {
  const { foldingFileSystem } = await import('./folding-file-system.ts');
  return foldingFileSystem(await importOriginal());
});

const asIs = (name: string): string => name;
/** File systems as they are met, by what they take for one name. */
const systems = {
  'without letter case (NTFS, exFAT)': { fold: (name: string) => name.toUpperCase(), store: asIs },
  'without Unicode forms (APFS)': {
    fold: (name: string) => name.normalize('NFD').toLowerCase(),
    store: asIs,
  },
  'that decomposes names (HFS+)': {
    fold: (name: string) => name.normalize('NFD').toLowerCase(),
    store: (name: string) => name.normalize('NFD'),
  },
  'that drops dots and spaces at the end (SMB)': {
    fold: (name: string) => name.replace(/[. ]+$/, '').toLowerCase(),
    store: (name: string) => name.replace(/[. ]+$/, ''),
  },
  'that replaces characters and shortens names': {
    fold: (name: string) => name.replaceAll(/[:*?"<>|]/g, '_').slice(0, 120),
    store: (name: string) => name.replaceAll(/[:*?"<>|]/g, '_').slice(0, 120),
  },
} as const;
type System = keyof typeof systems;

let root: string;
beforeEach(() => {
  root = makeTempDir();
});
afterEach(() => {
  folding.root = '\0';
});

function on(system: System): void {
  Object.assign(folding, { root, ...systems[system] });
}

const named = (name: string, more: Partial<SourceEntry> = {}): SourceEntry =>
  entry('', { path: Buffer.from(name), size: 7, ...more });

/** Restores entries as a restore does: in the order of paths, several at once. @returns what was refused. */
async function restore(names: readonly string[], rule: OverwriteRule): Promise<readonly string[]> {
  const { target } = makeTarget(root);
  const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const writing = sorted.map(async (name, at) => {
    const isDirectory = name.endsWith('/');
    const one = isDirectory ? { ...directory(''), path: Buffer.from(name) } : named(name);
    // The first has the most pieces, and takes longest.
    const content = isDirectory
      ? pieces()
      : pieces(...Array<string>(sorted.length - at).fill(''), `${at}`.padEnd(7));
    try {
      await target.write(one, content, rule);
      return [];
    } catch (error) {
      expect(error).toMatchObject({ name: 'RestorePathError', concerns: 'one' });
      return [name];
    }
  });
  const refused = (await Promise.all(writing)).flat();
  await target.finish();
  return refused;
}

const cases: readonly { system: System; names: readonly string[]; refused: readonly string[] }[] = [
  { system: 'without letter case (NTFS, exFAT)', names: ['A.txt', 'a.txt', 'b'], refused: ['a.txt'] },
  {
    system: 'without letter case (NTFS, exFAT)',
    names: ['D/', 'D/x', 'd/', 'd/x', 'd/y'],
    refused: ['d/', 'd/x', 'd/y'],
  },
  { system: 'without letter case (NTFS, exFAT)', names: ['A', 'a/', 'a/b'], refused: ['a/', 'a/b'] },
  { system: 'without Unicode forms (APFS)', names: ['e\u0301', '\u00e9', 'f'], refused: ['\u00e9'] },
  { system: 'that decomposes names (HFS+)', names: ['e\u0301', '\u00e9', 'f'], refused: ['\u00e9'] },
  {
    system: 'that drops dots and spaces at the end (SMB)',
    names: ['n', 'n.', 'n ', 'm'],
    refused: ['n ', 'n.'],
  },
  { system: 'that replaces characters and shortens names', names: ['a:b', 'a?b', 'ab'], refused: ['a?b'] },
  {
    system: 'that replaces characters and shortens names',
    names: [`${'l'.repeat(120)}1`, `${'l'.repeat(120)}2`, `${'l'.repeat(119)}3`],
    refused: [`${'l'.repeat(120)}2`],
  },
];

describe.each(['never', 'if-different', 'always'] as const)('with the rule %s', (rule) => {
  test.each(cases)(
    'a file system $system has the first of two entries, and the second is refused, each time',
    async ({ system, names, refused }) => {
      on(system);

      expect(await restore(names, rule)).toEqual(refused);
      const first = readTree(root);
      expect(await restore(names, rule)).toEqual(refused);

      expect(readTree(root)).toEqual(first);
      expect(Object.keys(first)).toHaveLength(names.length - refused.length);
    },
  );
});

function readTree(at: string): Record<string, string> {
  const names = readdirSync(at, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    names.map((one) => [
      path.relative(at, path.join(one.parentPath, one.name)),
      one.isFile() ? readFileSync(path.join(one.parentPath, one.name), 'utf8') : '',
    ]),
  );
}

test('names that only look alike are all restored', async () => {
  on('without letter case (NTFS, exFAT)');
  const names = ['a-b', 'a b', 'a.b', 'ab', 'b/', 'b/a-b', 'c/', 'c/a-b'];

  expect(await restore(names, 'never')).toEqual([]);
  expect(await restore(names, 'always')).toEqual([]);
});

test('what was there before is no entry of the point: the rule decides', async () => {
  on('without letter case (NTFS, exFAT)');
  writeFileSync(path.join(root, 'A'), 'theirs');
  const { target } = makeTarget(root);

  expect(await target.write(named('a'), pieces('new'), 'never')).toBe('kept');
  expect(await target.write(named('a'), pieces('restored'), 'always')).toBe('written');

  expect(readFileSync(path.join(root, 'A'), 'utf8')).toBe('restored');
});

test('a link is not written through under another name', async () => {
  on('without letter case (NTFS, exFAT)');
  const outside = makeTempDir();
  const { target } = makeTarget(root);
  await target.write(link('Up', outside), pieces(), 'always');

  await expect(target.write(named('up/victim'), pieces('evil'), 'always')).rejects.toMatchObject({
    name: 'RestorePathError',
  });
  expect(readdirSync(outside)).toEqual([]);
});

test('a directory that folds by itself is found in one that does not', async () => {
  mkdirSync(path.join(root, 'plain/folded'), { recursive: true });
  writeFileSync(path.join(root, 'plain/folded/There'), '');
  Object.assign(folding, systems['without letter case (NTFS, exFAT)'], {
    root: path.join(root, 'plain/folded'),
  });

  const refused = await restore(['plain/A', 'plain/a', 'plain/folded/A', 'plain/folded/a'], 'always');

  expect(refused).toEqual(['plain/folded/a']);
});

test('a file system that takes names as they are is found out, and nothing is left of the question', () => {
  expect(probeNames(rawPathOfText(path.join(root, 'probe')))).toEqual({ kind: 'exact' });
  for (const system of Object.keys(systems) as System[]) {
    on(system);
    expect(probeNames(rawPathOfText(path.join(root, 'probe'))), system).toEqual({
      kind: 'folding',
      toldBy: 'inode',
    });
  }
  expect(readdirSync(root)).toEqual([]);
});

test('what looks extra may be what was restored under other letters: nothing is deleted there', async () => {
  on('without letter case (NTFS, exFAT)');
  writeFileSync(path.join(root, 'report.txt'), 'mine');

  const found = findExtraEntries({
    root,
    async *listPoint() {
      yield Buffer.from('Report.txt');
    },
    precious: [],
    random: new SeededRandom('extra'),
  });

  await expect(found).rejects.toThrow('takes some names for others');
  expect(readdirSync(root)).toEqual(['report.txt']);
});
