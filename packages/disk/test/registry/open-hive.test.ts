import { readFileSync } from 'node:fs';
import path from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { DiskError } from '../../src/errors.ts';
import { openHive } from '../../src/registry/open-hive.ts';
import { isDrivePlace, readDriveLetters } from '../../src/registry/read-drive-letters.ts';
import { mutateImage, Seeded, usedStretches } from '../fuzz/mutate-image.ts';
import {
  gptPlace,
  type HiveOptions,
  type MadeKey,
  makeHive,
  makeSystemHive,
  mbrPlace,
  sealHive,
} from '../support/registry-hive.ts';
import { bytesSource, CountingSource } from '../support/sources.ts';

/** Values of a key by their names, as text. */
async function valuesAt(
  hive: Buffer,
  ...where: readonly string[]
): Promise<Record<string, string> | undefined> {
  const key = await (await openHive(bytesSource(hive))).find(where);
  if (key === undefined) return undefined;
  const values: Record<string, string> = {};
  for await (const value of key.values()) values[value.name] = Buffer.from(await value.read()).toString();
  return values;
}

const some = {
  values: { tiny: Buffer.from('abc'), żółć: Buffer.from('more than four'), '': Buffer.alloc(0) },
};
const families = Object.fromEntries(
  'a b c d e f g h i j'.split(' ').map((letter) => [`Key ${letter}`, some]),
);

test.each<[MadeKey['list'], HiveOptions]>([
  ['li', { minor: 3 }],
  ['lf', { minor: 3 }],
  ['lh', { minor: 5 }],
  ['ri', { minor: 6 }],
])('keys in a list of kind %s are found by their names in any case', async (list, options) => {
  const hive = makeHive({ list, keys: { ...families, Último: { keys: families, list } } }, options);

  expect(await valuesAt(hive, 'KEY c')).toEqual({ tiny: 'abc', żółć: 'more than four', '': '' });
  expect(await valuesAt(hive, 'último', 'Key j')).toMatchObject({ tiny: 'abc' });
  expect(await valuesAt(hive, 'Key k')).toBeUndefined();
  expect(await valuesAt(hive, 'Key a', 'Key a')).toBeUndefined();
  expect(await valuesAt(hive)).toEqual({});
});

/**
 * Written by hivexsh 1.3.23 (`add`, `setval`, `commit`) into an empty hive of `makeHive`: the letters of a machine with a
 * GPT, a disk with an MBR and a drive for CDs, among twelve keys.
 */
const foreign = brotliDecompressSync(readFileSync(path.join(import.meta.dirname, 'made-by-hivexsh.hive.br')));

test('letters are read out of a hive that another program wrote', async () => {
  const { letters, isDirty } = await readDriveLetters(bytesSource(foreign));

  expect(isDirty).toBe(false);
  expect(Object.fromEntries(letters)).toEqual({
    C: { kind: 'gpt', uuid: '04030201-0605-0807-090a-0b0c0d0e0f10' },
    D: { kind: 'mbr', signature: 'b2f6b2f6', offset: 1_048_576 },
    E: { kind: 'device' },
  });
});

test('a letter stands for the partition of its disk alone', () => {
  const uuid = '04030201-0605-0807-090a-0b0c0d0e0f10';
  const mbr = { kind: 'mbr', signature: '04030201', offset: 512 } as const;

  expect(isDrivePlace({ kind: 'gpt', uuid }, { uuid, offset: 512 })).toBe(true);
  expect(isDrivePlace(mbr, { uuid: '04030201-01', offset: 512 })).toBe(true);
  expect(isDrivePlace(mbr, { uuid: '04030201-02', offset: 1024 })).toBe(false);
  expect(isDrivePlace(mbr, { uuid: '04030202-01', offset: 512 })).toBe(false);
  expect(isDrivePlace(mbr, { uuid, offset: 512 })).toBe(false);
  expect(isDrivePlace(mbr, { uuid: undefined, offset: 512 })).toBe(false);
  expect(isDrivePlace({ kind: 'device' }, { uuid, offset: 512 })).toBe(false);
});

test('a hive that was in use says so, and one without letters has none', async () => {
  const letters = { C: gptPlace(Buffer.alloc(16, 7)) };

  expect(await readDriveLetters(bytesSource(makeSystemHive(letters, { isDirty: true })))).toMatchObject({
    isDirty: true,
    letters: new Map([['C', { kind: 'gpt', uuid: '07070707-0707-0707-0707-070707070707' }]]),
  });
  expect(await readDriveLetters(bytesSource(makeHive({})))).toEqual({ isDirty: false, letters: new Map() });
});

const system = (): Buffer => makeSystemHive({ C: mbrPlace(1, 512), D: mbrPlace(1, 2 ** 40) });
/** The list of the root is the last that is made. */
const list = (change: (hive: Buffer, at: number) => void): Buffer => {
  const hive = system();
  change(hive, hive.lastIndexOf('lh'));
  return hive;
};
const base = (change: (hive: Buffer) => void): Buffer => {
  const hive = system();
  change(hive);
  sealHive(hive);
  return hive;
};

test.each<[string, Buffer, string]>([
  ['is too short', Buffer.alloc(100), 'has 100 bytes'],
  ['is something else', Buffer.alloc(8192), 'no signature'],
  ['has another checksum', system().fill(9, 40, 41), 'checksum'],
  ['is a log', base((hive) => hive.writeUInt32LE(6, 28)), 'says that it is that of a log'],
  ['is of another version', base((hive) => hive.writeUInt32LE(1, 24)), 'version 1.1 is not supported'],
  [
    'has its root elsewhere',
    base((hive) => hive.writeUInt32LE(2 ** 30, 36)),
    'is said to be at byte 1073741824',
  ],
  ['has its root in no cell', base((hive) => hive.writeUInt32LE(36, 36)), 'is said to be at byte 36'],
  [
    'has a list for its root',
    base((hive) => hive.writeUInt32LE(hive.lastIndexOf('lh') - 4100, 36)),
    'no signature',
  ],
  ['ends in its cells', system().subarray(0, 4200), 'of 104 of the registry hive'],
  ['has a list of another kind', list((hive, at) => hive.write('xx', at)), 'is of kind "xx"'],
  [
    'has a list that is longer than its cell',
    list((hive, at) => hive.writeUInt16LE(9999, at + 2)),
    'ends before',
  ],
  ['has a list of fewer', list((hive, at) => hive.writeUInt16LE(1, at + 2)), 'a list of another number'],
  [
    'has a list of lists that is one of itself',
    list((hive, at) => {
      hive.write('ri', at);
      hive.writeUInt32LE(at - 4100, at + 4);
    }),
    'is of kind "ri"',
  ],
  ['has a cell that is free', list((hive, at) => hive.writeInt32LE(16, at - 4)), 'has -16 bytes'],
  ['has a cell that goes on', list((hive, at) => hive.writeInt32LE(-80_000, at - 4)), 'has 80000 bytes'],
])('a hive that %s is refused', async (_, hive, message) => {
  const reading = readDriveLetters(bytesSource(hive));

  await expect(reading).rejects.toThrow(DiskError);
  await expect(reading).rejects.toThrow(message);
});

test('counts that no hive has end before their lists are read', async () => {
  const hive = makeHive({ keys: { MountedDevices: some } });
  const key = hive.indexOf('MountedDevices') - 76;
  hive.writeUInt32LE(2 ** 30, key + 36);
  await expect(readDriveLetters(bytesSource(hive))).rejects.toThrow('says that it has 1073741824 values');

  hive.writeUInt32LE(2 ** 30, hive.indexOf('ROOT') - 76 + 20);
  await expect(readDriveLetters(bytesSource(hive))).rejects.toThrow('says that it has 1073741824 subkeys');
});

test('a name that Windows could not give is refused before it is read', async () => {
  const long = 'a'.repeat(511);
  await expect(valuesAt(makeHive({ keys: { [long]: some } }), long)).rejects.toThrow('ends before');
  expect(await valuesAt(makeHive({ keys: { [long.slice(1)]: some } }), long.slice(1))).toBeDefined();

  await expect(valuesAt(makeHive({ values: { ['a'.repeat(32_767)]: some.values.tiny } }))).rejects.toThrow(
    'ends before',
  );
});

test('a value in several cells is refused by its size', async () => {
  const hive = makeHive({ values: { long: Buffer.alloc(16_345) } });

  await expect(valuesAt(hive)).rejects.toThrow(
    'a registry value of 16345 bytes, in several cells, is not supported',
  );
});

/** Mutants are as many as in the gate, or `HOLDFAST_SEEDS` times as many, if that is set. */
const mutants = 200 * Number(process.env['HOLDFAST_SEEDS'] ?? 1);

test('mutants of a hive are read, or refused, with little effort', async () => {
  const made = makeHive({
    list: 'ri',
    keys: { ...families, MountedDevices: { values: { '\\DosDevices\\C:': mbrPlace(1, 512) } } },
  });
  const outcomes = new Set<string>();

  for (const hive of [foreign, made])
    for (let seed = 0; seed < mutants; seed += 1) {
      const mutant = mutateImage(hive, usedStretches(hive), new Seeded(seed));
      sealHive(mutant);
      const source = new CountingSource(bytesSource(mutant));
      await readDriveLetters(source).then(
        () => outcomes.add('read'),
        (error: unknown) => {
          if (!(error instanceof DiskError)) throw new Error(`seed ${seed}`, { cause: error });
          outcomes.add(error.name);
        },
      );
      expect(source.reads).toBeLessThan(1000);
    }

  expect(outcomes).toContain('read');
  expect(outcomes).toContain('DiskDamagedError');
});
