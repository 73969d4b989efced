import fs from 'node:fs';
import promises from 'node:fs/promises';
import path from 'node:path';
import { FakeClock, SeededRandom } from '@holdfast/engine/testing';
import { expect, test } from 'vitest';

import { DirectorySource, FilesystemObjectStore } from '../src/index.ts';
import { DirectoryWorkStore } from '../src/store/directory-work-store.ts';
import { SqliteCatalog } from '../src/catalog/sqlite-catalog.ts';
import { replaceCall } from './replace-call.ts';
import { makeSource, paths } from './source-under-test.ts';
import { makeTempDir } from './temp-dir.ts';

const refused = async (): Promise<never> => {
  await Promise.resolve();
  throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
};

test('a directory store and its work store need no hard links', async () => {
  replaceCall(promises, 'link', refused);
  const root = makeTempDir();
  const clock = new FakeClock();
  const store = new FilesystemObjectStore({ root, clock, random: new SeededRandom() });
  const until = new Date(clock.now().getTime() + 1000);

  const { versionId } = await store.put('a', Buffer.from('x'), { lock: { mode: 'governance', until } });
  await store.put('a/b', Buffer.from('y'));
  await expect(store.put('a', Buffer.from('z'))).rejects.toMatchObject({ name: 'ObjectExistsError' });
  await expect(store.removeVersion('a', versionId)).rejects.toMatchObject({ name: 'ObjectLockedError' });
  const upload = await store.startMultipart('large');
  await upload.addPart(Buffer.from('part'));
  await upload.complete();

  expect(Buffer.from(await store.get('a')).toString()).toBe('x');
  expect(Buffer.from(await store.get('a/b')).toString()).toBe('y');
  expect(Buffer.from(await store.get('large')).toString()).toBe('part');
  expect(await new DirectoryWorkStore(path.join(root, 'work')).putNew('plan', Buffer.from('x'))).toBe(
    'written',
  );
});

test('a file that somebody put into a directory store is never written over', async () => {
  const root = makeTempDir();
  const store = new FilesystemObjectStore({ root, clock: new FakeClock(), random: new SeededRandom() });
  fs.writeFileSync(path.join(root, 'theirs'), 'old');

  await expect(store.put('theirs', Buffer.from('new'))).rejects.toMatchObject({ name: 'ObjectExistsError' });

  expect(Buffer.from(await store.get('theirs')).toString()).toBe('old');
});

test('a source is listed on a file system that does not say which names are directories', async () => {
  const { root, source } = makeSource({ 'a/x': 'x', 'a-': 'y', 'b\xff': 'z', l: { link: 'a' } });
  // What Node does there (ext4 without the feature filetype, some of FUSE): it joins the two to ask, and cannot.
  const real = fs.readdirSync as (directory: fs.PathLike, options: unknown) => unknown;
  const joining = (
    directory: fs.PathLike,
    options: { withFileTypes?: boolean; encoding?: string },
  ): unknown => {
    if (options.withFileTypes === true && Buffer.isBuffer(directory) && options.encoding !== 'buffer')
      throw Object.assign(new TypeError('The "path" argument'), { code: 'ERR_INVALID_ARG_TYPE' });
    return real(directory, options);
  };
  replaceCall(fs, 'readdirSync', joining as never);

  expect(await paths(source)).toEqual(['a-', 'a/', 'a/x', 'b\xff', 'l']);
  expect(
    await paths(new DirectorySource({ root, clock: new FakeClock(), onWarning: () => {} }), 'a/'),
  ).toEqual(['a/', 'a/x', 'b\xff', 'l']);
});

test.each([0x6969, 0xff534d42, -0x1acb2be])(
  'a catalog on a file system of the network is refused (type %d)',
  (type) => {
    replaceCall(fs, 'statfsSync', (() => ({ type })) as never);

    expect(() => new SqliteCatalog(path.join(makeTempDir(), 'catalog.sqlite'))).toThrow(
      expect.objectContaining({ name: 'InvalidInputError' }),
    );
  },
);
