import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ResourceArn, Root } from '@holdfast/engine';
import { MemorySource } from '@holdfast/engine/testing';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { listFormatFixtures, withKeyFile, type FormatFixture } from './format-fixture.ts';
import { FixtureVault } from './fixture-vault.ts';
import { readWithSecondReader, testSecondReader } from './second-reader.ts';

// A reader that accepts everything would pass every other test: each rule that damage can break is broken here.

let fixture: FormatFixture;
let copy: string;

beforeEach(() => {
  fixture = getFixture('v1/directory');
  copy = makeFolder();
  cpSync(fixture.vault, copy, { recursive: true });
});

test.each([
  {
    kind: 'format file',
    below: 'format.json',
    at: 92,
    says: /format\.json was changed after it was written/,
  },
  {
    kind: 'key file',
    below: 'keys',
    at: -200,
    says: /keys\/\w+\.json (was changed|is not)|the ciphertext of key/,
  },
  { kind: 'root', below: 'points', at: 100, says: /FormatError: root points\/\S+ does not authenticate/ },
  { kind: 'page', below: 'pages', at: 60, says: /FormatError: frame 0 of pages\/\S+ does not authenticate/ },
  { kind: 'chunk', below: 'packs', at: 60, says: /FormatError: frame 0 of packs\/\S+ does not authenticate/ },
  {
    kind: 'pack header',
    below: 'packs',
    at: 30,
    says: /packs\/\S+ says in its header that it is another pack/,
  },
  {
    kind: 'pack footer',
    below: 'packs',
    at: -20,
    says: /directory of packs\/\S+ at \d+ does not end at its footer/,
  },
  {
    kind: 'directory',
    below: 'packs',
    at: -50,
    says: /FormatError: frame \d+ of packs\/\S+ does not authenticate/,
  },
  {
    kind: 'container',
    below: 'containers',
    at: 60,
    says: /FormatError: frame 0 of containers\/\S+ does not auth/,
  },
  {
    kind: 'key block',
    below: 'containers',
    at: -100,
    says: /FormatError: the key block of containers\/\S+ was changed after it was written/,
  },
])('a bit that flips in a $kind is found and named', async ({ below, at, says }) => {
  for (const name of namesBelow(below)) flipBit(name, at);

  await expect(readCopy()).rejects.toThrow(says);
});

test('a pack that was cut off is found and named', async () => {
  for (const name of namesBelow('packs'))
    truncateSync(join(copy, name), readFileSync(join(copy, name)).length - 1);

  await expect(readCopy()).rejects.toThrow(
    /of packs\/\S+ are not HFPF: the object is damaged or was cut off/,
  );
});

test('a container that was cut off is found and named', async () => {
  for (const name of namesBelow('containers')) truncateSync(join(copy, name), 1000);

  await expect(readCopy()).rejects.toThrow(
    /of containers\/\S+ are not HFPT: the object is damaged or was cut off/,
  );
});

test('a pack that is missing is found and named', async () => {
  const [name = ''] = namesBelow('packs');
  rmSync(join(copy, name));

  await expect(readCopy()).rejects.toThrow(`CopyError: object ${name} is not in the copy`);
});

test('a pack in the place of another does not pass, even with the other name in its header', async () => {
  const [one = '', other = ''] = namesBelow('packs');
  const [oneBytes, otherBytes] = [readFileSync(join(copy, one)), readFileSync(join(copy, other))];
  const disguised = Buffer.concat([
    otherBytes.subarray(0, 24),
    oneBytes.subarray(24, 40),
    otherBytes.subarray(40),
  ]);
  writeFileSync(join(copy, one), disguised);

  await expect(readCopy()).rejects.toThrow(/FormatError: frame \d+ of packs\/\S+ does not authenticate/);
});

test('an old root under the name of a newer one does not pass', async () => {
  const names = namesBelow('points');
  cpSync(join(copy, names.at(0) ?? ''), join(copy, names.at(-1) ?? ''));

  await expect(readCopy()).rejects.toThrow(`FormatError: root ${names.at(-1)} does not authenticate`);
});

test('a root of another vault does not pass', async () => {
  const [name = ''] = namesBelow('points');
  const other = getFixture('v1/rotated-key').vault;
  const [foreign = ''] = readdirSync(join(other, 'points'));
  const [point = ''] = readdirSync(join(other, 'points', foreign));
  cpSync(join(other, 'points', foreign, point), join(copy, name));

  await expect(readCopy()).rejects.toThrow(/CopyError: object keys\/\w+\.json is not in the copy/);
});

test('a key file of another vault is told from a damaged vault', async () => {
  const { keyHex } = getFixture('v1/rotated-key');

  await expect(readCopy(keyHex)).rejects.toThrow(/CopyError: key \w+ was not wrapped with this key file/);
});

test.each<{ what: string; wrong: (full: Root, incremental: Root) => Partial<Root>; says: string }>([
  {
    what: 'files',
    wrong: ({ counts }) => ({ counts: { ...counts, files: 4 } }),
    says: 'counts 4 files, its manifest has 3',
  },
  {
    what: 'bytes',
    wrong: ({ counts }) => ({ counts: { ...counts, logicalBytes: 9 } }),
    says: 'counts 9 bytes',
  },
  { what: 'page packs', wrong: () => ({ pagePacks: [] }), says: 'which holds a page of it' },
  { what: 'pack map', wrong: () => ({ packMap: undefined }), says: 'which the pack map does not have' },
  {
    what: 'references',
    wrong: (_, { packMap, pagePacks }) => ({ packMap, pagePacks }),
    says: 'has 1 references, not 0',
  },
])('a root that authenticates, but is wrong about its $what, does not pass', async ({ wrong, says }) => {
  const folder = makeFolder();
  const vault = await FixtureVault.create(join(folder, 'vault'), join(folder, 'key'), 'wrong');
  const source = new MemorySource(vault.clock);
  const resource = { arn: 'arn:aws:s3:::wrong' as ResourceArn, kind: 's3-bucket' } as const;
  for (const name of ['a', 'b', 'c']) source.plant(name, `content of ${name}`);
  const full = await vault.backUp({ ...resource, type: 'full', source });
  source.plant('d', 'content of d');
  const incremental = await vault.backUp({ ...resource, type: 'incremental', source });

  const { counts, manifest, packMap, pagePacks, pagePacksCounted } = { ...full, ...wrong(full, incremental) };
  const unread = { carried: 0, missing: 0 };
  const content = { counts, warnings: [], unread, manifest, packMap, pagePacks, pagePacksCounted };
  const { point } = await vault.commit(resource, content);

  const options = { vault: join(folder, 'vault'), keyFile: join(folder, 'key') };
  await expect(readWithSecondReader({ ...options, point: full.point })).resolves.toHaveLength(1);
  await expect(readWithSecondReader({ ...options, point })).rejects.toThrow(says);
});

test('the second reader refuses what only a writer with the keys can do wrong', async () => {
  await expect(testSecondReader()).resolves.toMatch(/Ran \d+ tests in .*\n\nOK/);
});

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-damage-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function readCopy(keyHex = fixture.keyHex): Promise<unknown> {
  return withKeyFile(keyHex, async (keyFile) => readWithSecondReader({ vault: copy, keyFile }));
}

/** Objects below a folder of the copy, in the order of names; or the one object of that name. */
function namesBelow(folder: string): readonly string[] {
  if (folder.endsWith('.json')) return [folder];
  const names = readdirSync(join(copy, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(copy.length + 1))
    .toSorted((one, other) => (one < other ? -1 : 1));
  expect(names).not.toEqual([]);
  return names;
}

function flipBit(name: string, at: number): void {
  const bytes = readFileSync(join(copy, name));
  const position = at < 0 ? bytes.length + at : at;
  bytes.writeUInt8(bytes.readUInt8(position) ^ 1, position);
  writeFileSync(join(copy, name), bytes);
}

function getFixture(name: string): FormatFixture {
  const found = listFormatFixtures().find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no fixture ${name}`);
  return found;
}
