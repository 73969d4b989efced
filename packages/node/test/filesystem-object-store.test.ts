import { writeFileSync } from 'node:fs';
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { ObjectStore } from '@holdfast/engine';
import { allOf, FakeClock, objectStoreContract, SeededRandom } from '@holdfast/engine/testing';
import { expect, test, vi } from 'vitest';

import { FilesystemObjectStore, systemClock, systemRandom } from '../src/index.ts';
import { besidesMarkOf, recordPathOf } from '../src/store/object-layout.ts';
import { makeTempDir } from './temp-dir.ts';

const until = new Date('2030-01-01T00:00:00Z');
const lock = { mode: 'governance', until } as const;

function makeStore(root = makeTempDir()): { store: FilesystemObjectStore; root: string; clock: FakeClock } {
  const clock = new FakeClock('2029-01-01T00:00:00Z');
  return {
    store: new FilesystemObjectStore({ root, clock, random: systemRandom, durable: false }),
    root,
    clock,
  };
}

objectStoreContract({
  name: 'a directory',
  partBytes: 64 * 1024,
  make: async () => {
    const root = makeTempDir();
    const store = new FilesystemObjectStore({
      root,
      clock: systemClock,
      random: systemRandom,
      durable: false,
    });
    let planted = 0;
    return {
      store,
      plantVersion: async (name, body) => {
        planted += 1;
        const versionId = `planted${planted}`;
        const record = recordPathOf(root, name);
        await mkdir(record, { recursive: true });
        await writeFile(path.join(record, `version-${versionId}-${Date.now() + planted}`), '');
        await writeFile(path.join(record, `data-${versionId}`), body);
        const mark = besidesMarkOf(root, name);
        await mkdir(path.dirname(mark), { recursive: true });
        await writeFile(mark, '');
        return versionId;
      },
      // A directory has no delete markers: nobody can hide a name without deleting it.
      plantMarker: async () => {},
    };
  },
});

test('keeps an object in a file of the same name', async () => {
  const { store, root } = makeStore();

  await store.put('packs/short/ab/abcd', Buffer.from('bytes'));

  expect(await readFile(path.join(root, 'packs/short/ab/abcd'), 'utf8')).toBe('bytes');
});

test('writes and locks durably as well', async () => {
  const root = makeTempDir();
  const store = new FilesystemObjectStore({ root, clock: systemClock, random: systemRandom });

  const { versionId } = await store.put('a/b', Buffer.from('bytes'), {
    lock: { mode: 'governance', until: new Date('2100-01-01') },
  });

  expect(Buffer.from(await store.get('a/b')).toString()).toBe('bytes');
  await expect(store.removeVersion('a/b', versionId)).rejects.toMatchObject({ name: 'ObjectLockedError' });
});

test('gives the name back when the bytes do not reach the disk', async () => {
  const root = makeTempDir();
  const store = new FilesystemObjectStore({ root, clock: systemClock, random: systemRandom });
  const handle = await open(path.join(root, 'x'), 'w');
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  const flush = vi.spyOn(Object.getPrototypeOf(handle) as FileHandle, 'datasync').mockRejectedValueOnce(full);
  await handle.close();

  await expect(store.put('a/b', Buffer.from('bytes'), { lock })).rejects.toMatchObject({
    name: 'StoreUnavailableError',
  });

  await expect(store.head('a/b')).rejects.toMatchObject({ name: 'ObjectNotFoundError' });
  flush.mockRestore();
  await store.put('a/b', Buffer.from('again'), { lock });
  expect(Buffer.from(await store.get('a/b')).toString()).toBe('again');
});

test('leaves nothing of a write that was refused', async () => {
  const { store, root } = makeStore();
  await store.put('taken', Buffer.from('first'));

  await expect(store.put('taken', Buffer.from('second'))).rejects.toMatchObject({
    name: 'ObjectExistsError',
  });

  expect(await readdir(path.join(root, '.holdfast/writing'))).toEqual([]);
});

test('reads a copied bucket, which has no records, whatever version ids the references carry', async () => {
  const root = makeTempDir();
  await mkdir(path.join(root, 'packs/short'), { recursive: true });
  await writeFile(path.join(root, 'packs/short/abc'), '0123456789');
  await writeFile(path.join(root, 'format.json'), '{}');
  const { store } = makeStore(root);

  expect(
    Buffer.from(await store.get('packs/short/abc', { range: { offset: 2, length: 3 } })).toString(),
  ).toBe('234');
  expect(await store.get('packs/short/abc', { versionId: 'L4kqtJlcpXroDTDmpUMLUo' })).toHaveLength(10);
  const head = await store.head('packs/short/abc');
  expect(head).toMatchObject({ versionId: 'file', bytes: 10 });
  expect(head).not.toHaveProperty('lock');
  expect((await allOf(store.listVersions(''))).map((one) => one.name)).toEqual([
    'format.json',
    'packs/short/abc',
  ]);
  expect(await readdir(root)).not.toContain('.holdfast');
});

test('refuses to write over an object of a copied bucket', async () => {
  const root = makeTempDir();
  await writeFile(path.join(root, 'format.json'), '{}');
  const { store } = makeStore(root);

  await expect(store.put('format.json', Buffer.from('other'))).rejects.toMatchObject({
    name: 'ObjectExistsError',
  });

  expect((await store.head('format.json')).versionId).toBe('file');
  expect(Buffer.from(await store.get('format.json')).toString()).toBe('{}');
});

test('locks and removes an object of a copied bucket', async () => {
  const root = makeTempDir();
  await writeFile(path.join(root, 'x'), '1');
  const { store, clock } = makeStore(root);

  expect(await store.extendLock('x', 'someS3VersionId', lock)).toEqual(lock);
  await expect(store.removeVersion('x', 'file')).rejects.toMatchObject({ name: 'ObjectLockedError' });
  clock.set(until);
  await store.removeVersion('x', 'file');

  await expect(store.head('x')).rejects.toMatchObject({ name: 'ObjectNotFoundError' });
});

test.each([
  '',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  '../a',
  'a/../../b',
  'a/./b',
  'a\0b',
  '.holdfast/versions/a',
  'x'.repeat(300),
])('refuses the name %j', async (name) => {
  const { store } = makeStore();

  await expect(store.put(name, Buffer.from('x'))).rejects.toMatchObject({ name: 'InvalidInputError' });
  await expect(store.get(name)).rejects.toMatchObject({ name: 'InvalidInputError' });
});

test('refuses an upload id that would lead elsewhere', () => {
  const { store } = makeStore();

  expect(() => store.resumeMultipart({ name: 'a', uploadId: '../../etc/passwd', parts: [] })).toThrow(
    /upload id/,
  );
});

test('ends a lock by its own clock', async () => {
  const { store, clock } = makeStore();
  const { versionId } = await store.put('locked', Buffer.from('x'), { lock });

  clock.set(new Date(until.getTime() - 1));
  await expect(store.removeVersion('locked', versionId)).rejects.toMatchObject({ name: 'ObjectLockedError' });
  clock.set(until);
  await store.removeVersion('locked', versionId);

  await expect(store.head('locked')).rejects.toMatchObject({ name: 'ObjectNotFoundError' });
});

test('never makes a lock earlier, whatever the order in which extensions arrive', async () => {
  const { store } = makeStore();
  const { versionId } = await store.put('locked', Buffer.from('x'), { lock });
  const days = [5, 90, 30, 60, 1].map((day) => new Date(until.getTime() + day * 86_400_000));

  await Promise.all(
    days.map((day) => store.extendLock('locked', versionId, { mode: 'governance', until: day })),
  );

  expect((await store.head('locked')).lock?.until).toEqual(days[1]);
});

test('holds an object of a copied bucket', async () => {
  const root = makeTempDir();
  await writeFile(path.join(root, 'x'), '1');
  const { store } = makeStore(root);

  await store.setLegalHold('x', 'someS3VersionId', true);
  expect((await store.head('x')).legalHold).toBe(true);
  await expect(store.removeVersion('x', 'file')).rejects.toMatchObject({ name: 'ObjectLockedError' });
  await store.setLegalHold('x', 'someS3VersionId', false);
  await store.removeVersion('x', 'file');

  await expect(store.head('x')).rejects.toMatchObject({ name: 'ObjectNotFoundError' });
});

test.each([
  { what: 'locks', keep: (store: ObjectStore, id: string) => store.extendLock('raced', id, lock) },
  { what: 'holds', keep: (store: ObjectStore, id: string) => store.setLegalHold('raced', id, true) },
])('either $what or removes a version when both are asked for at once', async ({ keep }) => {
  for (let round = 0; round < 30; round += 1) {
    const { store } = makeStore();
    const { versionId } = await store.put('raced', Buffer.from('x'));

    const [kept, removed] = await Promise.allSettled([
      keep(store, versionId),
      store.removeVersion('raced', versionId),
    ]);

    const exists = (await allOf(store.listVersions(''))).length === 1;
    // A lock or hold that was confirmed must hold; a removal that was confirmed must have happened.
    if (kept.status === 'fulfilled') expect(exists).toBe(true);
    if (removed.status === 'fulfilled') expect(exists).toBe(false);
  }
});

test.each([
  { what: 'locks', file: (id: string) => `lock-${id}-${until.getTime() / 1000}-governance`, state: { lock } },
  { what: 'holds', file: (id: string) => `hold-${id}`, state: { legalHold: true } },
])('keeps a version that another process $what in the middle of its removal', async ({ file, state }) => {
  const root = makeTempDir();
  const clock = new FakeClock('2029-01-01T00:00:00Z');
  let inTheMiddle: (() => void) | undefined;
  // The store takes a random name for the file between looking at the locks and moving the file away.
  const random = {
    bytes: (count: number): Uint8Array => {
      inTheMiddle?.();
      return systemRandom.bytes(count);
    },
  };
  const store = new FilesystemObjectStore({ root, clock, random, durable: false });
  const { versionId } = await store.put('raced', Buffer.from('x'));
  inTheMiddle = () => {
    writeFileSync(path.join(recordPathOf(root, 'raced'), file(versionId)), '');
  };

  await expect(store.removeVersion('raced', versionId)).rejects.toMatchObject({ name: 'ObjectLockedError' });

  expect(await store.head('raced', { versionId })).toMatchObject({ bytes: 1, ...state });
  expect(Buffer.from(await store.get('raced')).toString()).toBe('x');
});

test('gives a name that was removed a new version id', async () => {
  const { store } = makeStore();
  const first = await store.put('name', Buffer.from('1'));
  await store.removeVersion('name', first.versionId);

  const second = await store.put('name', Buffer.from('2'));

  expect(second.versionId).not.toBe(first.versionId);
  await expect(store.get('name', { versionId: first.versionId })).rejects.toMatchObject({
    name: 'ObjectNotFoundError',
  });
});

test('remembers the storage class and refuses one that is none', async () => {
  const { store } = makeStore();

  await store.put('cold', Buffer.from('x'), { storageClass: 'STANDARD_IA' });

  expect((await store.head('cold')).storageClass).toBe('STANDARD_IA');
  await expect(store.put('bad', Buffer.from('x'), { storageClass: '../x' })).rejects.toMatchObject({
    name: 'InvalidInputError',
  });
});

test('writes a body of more buffers than one system call takes', async () => {
  const { store } = makeStore();
  const random = new SeededRandom('many');
  const body = Array.from({ length: 3000 }, (_, n) => random.bytes(n % 7));

  await store.put('many', body);

  expect(Buffer.compare(await store.get('many'), Buffer.concat(body))).toBe(0);
});

test('does not take up a part of an upload whose state does not have it', async () => {
  const { store } = makeStore();
  const first = await store.startMultipart('big');
  await first.addPart(Buffer.from('one '));
  const state = first.state();
  await first.addPart(Buffer.from('lost, and longer'));

  const second = store.resumeMultipart(state);
  await second.addPart(Buffer.from('two'));
  await second.complete();

  expect(Buffer.from(await store.get('big')).toString()).toBe('one two');
});
