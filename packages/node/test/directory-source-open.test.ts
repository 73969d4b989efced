import { execFileSync } from 'node:child_process';
import { appendFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

import { makeSource, entryAt, contentOf } from './source-under-test.ts';

test('reads empty, small, large and sparse files, and ranges of them', async () => {
  const large = 'abcdefgh'.repeat(400_000);
  const { root, source } = makeSource({ empty: '', small: 'small', large });
  writeFileSync(path.join(root, 'sparse'), 'head');
  truncateSync(path.join(root, 'sparse'), 3_000_000);

  expect(await contentOf(source, await entryAt(source, 'empty'))).toHaveLength(0);
  expect((await contentOf(source, await entryAt(source, 'small'))).toString()).toBe('small');
  expect((await contentOf(source, await entryAt(source, 'large'))).toString()).toBe(large);
  expect(await contentOf(source, await entryAt(source, 'sparse'))).toEqual(
    Buffer.concat([Buffer.from('head')], 3_000_000),
  );
  expect((await contentOf(source, await entryAt(source, 'small'), { offset: 1, length: 3 })).toString()).toBe(
    'mal',
  );
  expect(
    (await contentOf(source, await entryAt(source, 'small'), { offset: 3, length: 99 })).toString(),
  ).toBe('ll');
  const stretch = { offset: 1_000_003, length: 1_500_000 };
  expect((await contentOf(source, await entryAt(source, 'large'), stretch)).toString()).toBe(
    large.slice(1_000_003, 2_500_003),
  );
});

test('reads several large files at once without mixing them up', async () => {
  const { source } = makeSource({ a: 'a'.repeat(2_500_000), b: 'b'.repeat(2_500_000) });
  const [one, two] = await Promise.all(
    ['a', 'b'].map(async (name) => source.open(await entryAt(source, name))),
  );

  const left = one?.content[Symbol.asyncIterator]();
  const right = two?.content[Symbol.asyncIterator]();
  const first = await left?.next();
  const second = await right?.next();

  expect(Buffer.from(first?.value as Uint8Array).every((byte) => byte === 0x61)).toBe(true);
  expect(Buffer.from(second?.value as Uint8Array).every((byte) => byte === 0x62)).toBe(true);
});

test.each(['small', 'large'])('says that a %s file changed since it was listed', async (name) => {
  const { root, source } = makeSource({ small: 'x', large: 'x'.repeat(2_000_000) });
  const entry = await entryAt(source, name);
  appendFileSync(path.join(root, name), 'y');

  await expect(contentOf(source, entry)).rejects.toMatchObject({
    name: 'SourceEntryError',
    reason: 'changed',
  });
});

test.each([
  ['grows', (file: string) => appendFileSync(file, 'y')],
  ['shrinks', (file: string) => truncateSync(file, 1_100_000)],
  ['is written in place', (file: string) => writeFileSync(file, 'z', { flag: 'r+' })],
])('says that a file changed when it %s while it is being read', async (_, change) => {
  const { root, source } = makeSource({ large: 'x'.repeat(3_000_000) });
  const { content } = await source.open(await entryAt(source, 'large'));
  const pieces = content[Symbol.asyncIterator]();
  await pieces.next();
  change(path.join(root, 'large'));

  const rest = async (): Promise<void> => {
    while ((await pieces.next()).done !== true);
  };

  await expect(rest()).rejects.toMatchObject({ name: 'SourceEntryError', reason: 'changed' });
});

test.each(['small', 'large', 'link', 'directory/'])(
  'says that %s vanished since it was listed',
  async (name) => {
    const { root, source } = makeSource({
      small: 'x',
      large: 'x'.repeat(2_000_000),
      link: { link: 'x' },
      directory: null,
    });
    const entry = await entryAt(source, name);
    rmSync(path.join(root, name), { recursive: true });

    await expect(contentOf(source, entry)).rejects.toMatchObject({
      name: 'SourceEntryError',
      reason: 'vanished',
    });
  },
);

test('does not follow a link that took the place of a listed file', async () => {
  const { root, source } = makeSource({ file: 'mine', other: 'not asked for' });
  const entry = await entryAt(source, 'file');
  rmSync(path.join(root, 'file'));
  symlinkSync('other', path.join(root, 'file'));

  await expect(contentOf(source, entry)).rejects.toMatchObject({
    name: 'SourceEntryError',
    reason: 'changed',
  });
});

test('does not hang on a pipe that took the place of a listed file', async () => {
  const { root, source } = makeSource({ file: 'mine' });
  const entry = await entryAt(source, 'file');
  rmSync(path.join(root, 'file'));
  execFileSync('sh', ['-c', 'mkfifo "$0"', path.join(root, 'file')]);

  await expect(contentOf(source, entry)).rejects.toMatchObject({
    name: 'SourceEntryError',
    reason: 'changed',
  });
});

test('gives a directory as it is now: it changes with every file in it', async () => {
  const { root, source } = makeSource({ 'd/x': '1' });
  const entry = await entryAt(source, 'd/');
  writeFileSync(path.join(root, 'd/y'), '2');

  const opened = await source.open(entry);

  expect(opened.entry.kind).toBe('directory');
  expect(opened.entry.changeToken).not.toBe(entry.changeToken);
});
