import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { metadataOfFile, type SourceEntry } from '@holdfast/engine';
import { expect, test } from 'vitest';

import { directory, entry, link, makeTarget, modifiedMs, pieces } from './target-under-test.ts';

/** The object that a restore into a bucket makes of an entry, as a backup of that bucket has it. */
function objectOf(file: SourceEntry, size = file.size): SourceEntry {
  const { metadata } = metadataOfFile(file);
  const attributes = { 'content-type': 'application/octet-stream' };
  return { ...file, kind: 'object', size, attributes, userMetadata: metadata, modifiedMs: Date.now() };
}

test('an object that stands for a file, directory or link brings it back', async () => {
  const { target, root } = makeTarget();
  const file = entry('etc/shadow', { size: 4, attributes: { mode: '0640' } });

  await target.write(objectOf(directory('etc/', '0711')), pieces(), 'never');
  await target.write(objectOf(file), pieces('text'), 'never');
  await target.write(objectOf(link('etc/users', '../no/where'), 11), pieces('../no/', 'where'), 'never');
  await target.finish();

  const shadow = lstatSync(path.join(root, 'etc/shadow'));
  expect(readFileSync(path.join(root, 'etc/shadow'), 'utf8')).toBe('text');
  expect([shadow.mode & 0o7777, shadow.mtimeMs]).toEqual([0o640, modifiedMs]);
  expect(lstatSync(path.join(root, 'etc')).mode & 0o7777).toBe(0o711);
  expect(readlinkSync(path.join(root, 'etc/users'))).toBe('../no/where');
});

test('the set-user-id bit is not taken from the metadata of an object, and is named', async () => {
  const { target, root } = makeTarget();
  const owner = { uid: `${process.geteuid?.()}`, gid: `${process.getegid?.()}` };

  await target.write(objectOf(entry('sudo', { attributes: { mode: '4755', ...owner } })), pieces(), 'never');

  expect(lstatSync(path.join(root, 'sudo')).mode & 0o7777).toBe(0o755);
  expect(await target.finish()).toContainEqual({ fact: 'set-id', entries: 1, example: 'sudo' });
});

test('metadata of an object that makes no sense is its own, and not of a file', async () => {
  const { target, root } = makeTarget();
  const userMetadata = {
    'file-permissions': 'rwxr-xr-x',
    'file-owner': 'bob',
    'file-group': '0',
    'file-mtime': '12',
    'file-xattrs': 'user.x',
  };

  await target.write({ ...objectOf(entry('a')), userMetadata }, pieces(), 'never');

  expect(lstatSync(path.join(root, 'a')).mode & 0o7022).toBe(0);
  expect(await target.finish()).toContainEqual({ fact: 'metadata', entries: 1, example: 'a' });
});
