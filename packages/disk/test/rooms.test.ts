import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';

const source = path.join(import.meta.dirname, '../src');

/** Rooms that each one must not know; ARCHITECTURE.md says why. */
const mustNotKnow: Record<string, readonly string[]> = {
  source: [
    'check',
    'checksums',
    'detect',
    'ext',
    'file-system',
    'lvm',
    'ntfs',
    'partitions',
    'registry',
    'xfs',
  ],
  checksums: [
    'check',
    'detect',
    'ext',
    'file-system',
    'lvm',
    'ntfs',
    'partitions',
    'registry',
    'source',
    'xfs',
  ],
  'file-system': ['check', 'checksums', 'detect', 'ext', 'lvm', 'ntfs', 'partitions', 'registry', 'xfs'],
  check: ['checksums', 'detect', 'ext', 'lvm', 'ntfs', 'partitions', 'registry', 'xfs'],
  ext: ['check', 'detect', 'lvm', 'ntfs', 'partitions', 'registry', 'xfs'],
  ntfs: ['check', 'checksums', 'detect', 'ext', 'lvm', 'partitions', 'registry', 'xfs'],
  xfs: ['check', 'detect', 'ext', 'lvm', 'ntfs', 'partitions', 'registry'],
  detect: ['check', 'lvm', 'partitions', 'registry'],
  partitions: ['check', 'ext', 'file-system', 'lvm', 'ntfs', 'registry', 'xfs'],
  lvm: ['check', 'detect', 'ext', 'file-system', 'ntfs', 'partitions', 'registry', 'xfs'],
  registry: ['check', 'checksums', 'detect', 'ext', 'file-system', 'lvm', 'ntfs', 'xfs'],
};

test.each(Object.entries(mustNotKnow))('%s knows nothing of what others do with it', async (room, others) => {
  const known: string[] = [];
  let files = 0;
  for await (const file of glob('**/*.ts', { cwd: path.join(source, room) })) {
    files += 1;
    const code = await readFile(path.join(source, room, file), 'utf8');
    for (const [, target = ''] of code.matchAll(/ from '(\.[^']+)'/g))
      known.push(path.relative(source, path.join(source, room, path.dirname(file), target)));
  }

  const strange = known.filter((file) => others.some((other) => file.startsWith(`${other}/`)));

  expect(files).toBeGreaterThan(0);
  expect(strange).toEqual([]);
});
