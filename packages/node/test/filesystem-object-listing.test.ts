import fs from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ObjectStore } from '@holdfast/engine';
import { allOf, FakeClock } from '@holdfast/engine/testing';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { FilesystemObjectStore, systemClock, systemRandom } from '../src/index.ts';
import { recordPathOf } from '../src/store/object-layout.ts';
import { replaceCall } from './replace-call.ts';
import { makeTempDir } from './temp-dir.ts';

function makeStore({ durable = false } = {}): { store: FilesystemObjectStore; root: string } {
  const root = path.join(makeTempDir(), 'vault');
  const clock = new FakeClock('2029-01-01T00:00:00Z');
  return { store: new FilesystemObjectStore({ root, clock, random: systemRandom, durable }), root };
}

async function namesOf(store: ObjectStore, prefix = '', startAfter?: string): Promise<string[]> {
  return (await allOf(store.listVersions(prefix, { startAfter }))).map(({ name }) => name);
}

/** The directories that are listed during the running test from now on, as paths below the root. */
function listedDirectories(root: string): string[] {
  const listed: string[] = [];
  const { readdirSync } = fs;
  replaceCall(fs, 'readdirSync', ((directory: Buffer | string, ...options: []) => {
    listed.push(path.relative(root, directory.toString()));
    return readdirSync(directory, ...options);
  }) as typeof fs.readdirSync);
  return listed;
}

test('lists the directories on the way to a prefix and below it, and of records those of the objects there', async () => {
  const { store, root } = makeStore();
  for (const name of ['keys/a', 'packs/ab/1', 'packs/ab/2', 'packs/cd/3', 'points/x/1'])
    await store.put(name, Buffer.from('x'));
  const listed = listedDirectories(root);

  expect(await namesOf(store, 'packs/ab/')).toEqual(['packs/ab/1', 'packs/ab/2']);

  const records = ['packs/ab/1', 'packs/ab/2'].map((name) => path.relative(root, recordPathOf(root, name)));
  expect(new Set(listed)).toEqual(new Set(['', 'packs', 'packs/ab', '.holdfast/besides', ...records]));
});

test('finds the first object of a prefix that is its name without listing where it lies', async () => {
  const { store, root } = makeStore();
  for (const name of ['packs/1', 'packs/1-2', 'packs/10']) await store.put(name, Buffer.from('x'));
  const listed = listedDirectories(root);

  for await (const { name } of store.listVersions('packs/1')) {
    expect(name).toBe('packs/1');
    break;
  }

  expect(listed).toEqual([path.relative(root, recordPathOf(root, 'packs/1'))]);
});

test('lists each name once where the prefix or the start is a name', async () => {
  const { store } = makeStore();
  for (const name of ['a', 'a-b', 'a/b', 'a/c', 'ab']) await store.put(name, Buffer.from('x'));

  expect(await namesOf(store, 'a')).toEqual(['a', 'a-b', 'a/b', 'a/c', 'ab']);
  expect(await namesOf(store, 'a/b')).toEqual(['a/b']);
  expect(await namesOf(store, 'a', 'a')).toEqual(['a-b', 'a/b', 'a/c', 'ab']);
  expect(await namesOf(store, 'ab', 'a')).toEqual(['ab']);
});

test.each(['../outside', 'a/../../outside', '.holdfast/versions/a', 'a\0b', '/', 'a//', '\uD800'])(
  'lists nothing under the prefix %j, which no name has',
  async (prefix) => {
    const { store, root } = makeStore();
    await store.put('a', Buffer.from('x'));
    await writeFile(path.join(root, '../outside'), 'x');

    expect(await namesOf(store, prefix)).toEqual([]);
  },
);

test.each([false, true])(
  'lists objects whose names are directories too until they are removed, durable: %j',
  async (durable) => {
    const { store, root } = makeStore({ durable });
    await store.put('a/b', Buffer.from('1'));
    const first = await store.put('a', Buffer.from('22'));
    expect(await namesOf(store)).toEqual(['a', 'a/b']);

    await store.removeVersion('a', first.versionId);
    expect(await namesOf(store)).toEqual(['a/b']);
    expect(await readdir(path.join(root, '.holdfast/besides'))).toEqual([]);

    await store.put('a', Buffer.from('333'));
    expect(await allOf(store.listVersions('a'))).toMatchObject([{ name: 'a', bytes: 3 }, { name: 'a/b' }]);
  },
);

test('lists no object that has a mark and no bytes', async () => {
  const { store, root } = makeStore();
  await store.put('b', Buffer.from('x'));
  await mkdir(path.join(root, '.holdfast/besides'));
  await writeFile(path.join(root, '.holdfast/besides/a'), '');

  expect(await namesOf(store)).toEqual(['b']);
});

test('names come in the order of their bytes, from any prefix and start', async () => {
  const part = fc.constantFrom('a', 'b', 'a-', 'ä', 'a b', '%2F');
  const name = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(name, { maxLength: 12 }),
      fc.oneof(fc.constant(''), name, part),
      fc.option(name, { nil: undefined }),
      async (names, prefix, startAfter) => {
        const store = new FilesystemObjectStore({
          root: makeTempDir(),
          clock: systemClock,
          random: systemRandom,
          durable: false,
        });
        for (const one of names) await store.put(one, Buffer.from('x'));

        const wanted = names
          .filter((one) => one.startsWith(prefix))
          .filter(
            (one) =>
              startAfter === undefined || Buffer.compare(Buffer.from(one), Buffer.from(startAfter)) > 0,
          )
          .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(await namesOf(store, prefix, startAfter)).toEqual(wanted);
      },
    ),
    { seed: 63, numRuns: 100 },
  );
});
