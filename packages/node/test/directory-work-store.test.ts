import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

import { DirectoryWorkStore } from '../src/store/directory-work-store.ts';
import { makeTempDir } from './temp-dir.ts';

const utf8 = (text: string): Uint8Array => Buffer.from(text);

test('of many who write a new name at once one wins, and everybody reads what it wrote', async () => {
  const root = makeTempDir();
  const stores = Array.from({ length: 8 }, () => new DirectoryWorkStore(root));

  const outcomes = await Promise.all(
    stores.map(async (store, at) => store.putNew('runs/1/plan.json', utf8(`plan ${at}`))),
  );

  expect(outcomes.filter((outcome) => outcome === 'written')).toHaveLength(1);
  const winner = outcomes.indexOf('written');
  for (const store of stores)
    expect(Buffer.from(await store.get('runs/1/plan.json')).toString()).toBe(`plan ${winner}`);
  expect(readdirSync(path.join(root, 'runs/1'))).toEqual(['plan.json']);
});

test('writes over what it may write over, and says what is missing', async () => {
  const store = new DirectoryWorkStore(makeTempDir());

  await store.put('a/b', utf8('one'));
  await store.put('a/b', utf8('two'));

  expect(Buffer.from(await store.get('a/b')).toString()).toBe('two');
  expect(await store.putNew('a/b', utf8('three'))).toBe('taken');
  expect(Buffer.from(await store.get('a/b')).toString()).toBe('two');
  for (const missing of ['a/c', 'a/b/c'])
    await expect(store.get(missing)).rejects.toMatchObject({ name: 'ObjectNotFoundError' });
});
