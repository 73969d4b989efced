import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';

const source = path.join(import.meta.dirname, '../src');

/** Rooms that each one may know beside itself; ARCHITECTURE.md says why it must not know the others. */
const mayKnow: Record<string, readonly string[]> = {
  source: [],
  checksums: [],
  'file-system': ['source'],
  check: ['file-system', 'source'],
  ext: ['checksums', 'file-system', 'source'],
  ntfs: ['file-system', 'source'],
  xfs: ['checksums', 'file-system', 'source'],
  detect: ['checksums', 'ext', 'file-system', 'ntfs', 'source', 'xfs'],
  partitions: ['checksums', 'detect', 'source'],
  lvm: ['checksums', 'source'],
  registry: ['partitions', 'source'],
};

test.each(Object.entries(mayKnow))('%s knows nothing of what others do with it', async (room, allowed) => {
  const known: string[] = [];
  let files = 0;
  for await (const file of glob('**/*.ts', { cwd: path.join(source, room) })) {
    files += 1;
    const code = await readFile(path.join(source, room, file), 'utf8');
    for (const [, target = ''] of code.matchAll(/ from '(\.[^']+)'/g))
      known.push(path.relative(source, path.join(source, room, path.dirname(file), target)));
  }

  const strange = known.filter(
    (file) => file.includes('/') && ![room, ...allowed].some((one) => file.startsWith(`${one}/`)),
  );

  expect(files).toBeGreaterThan(0);
  expect(strange).toEqual([]);
});
