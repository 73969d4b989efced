import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { exactAttributes, utf8 } from '@holdfast/engine';
import { SeededRandom } from '@holdfast/engine/testing';
import { expect, test } from 'vitest';

import { DirectoryTarget } from '../src/index.ts';
import { ExactFacts } from '../src/target/exact-facts.ts';
import { entry, pieces } from './target-under-test.ts';
import { makeTempDir } from './temp-dir.ts';

const ns = 1_700_000_000_123_456_789n;

function python(program: string, ...args: readonly string[]): string {
  return execFileSync('python3', ['-c', program, ...args], { encoding: 'utf8' }).trim();
}

/** Some file systems have no attributes of users. */
function takesAttributes(directory: string): boolean {
  const program = `import os, sys
try: os.setxattr(sys.argv[1], 'user.try', b'x'); print('yes')
except (OSError, AttributeError): print('no')`;
  return python(program, directory) === 'yes';
}

const comment = { name: utf8('user.comment'), value: utf8('h\u00e9llo') };
const described = (name: string, mode = '0640') =>
  entry(name, {
    size: 4,
    modifiedMs: 1_700_000_000_123.456_8,
    attributes: { mode, ...exactAttributes(ns, [comment]) },
  });

test('nanoseconds and extended attributes are set, also on a file that may not be written, and found the same', async () => {
  const root = makeTempDir();
  const hasAttributes = takesAttributes(root);
  const target = new DirectoryTarget({ root, random: new SeededRandom() });
  const folder = { ...described('folder/', '0555'), kind: 'directory' as const, size: 0 };

  await target.write(folder, pieces(), 'never');
  const written = await target.write(described('folder/file', '0440'), [utf8('text')], 'never');
  const again = await target.write(described('folder/file', '0440'), pieces('text'), 'if-different');
  const unkept = await target.finish();

  expect([written, again]).toEqual(['written', 'same']);
  expect(unkept.map(({ fact }) => fact)).toEqual(hasAttributes ? [] : ['xattrs']);
  for (const name of ['folder', 'folder/file']) {
    expect(lstatSync(path.join(root, name), { bigint: true }).mtimeNs).toBe(ns);
    if (hasAttributes)
      expect(
        python(
          "import os, sys; print(os.getxattr(sys.argv[1], 'user.comment').hex())",
          path.join(root, name),
        ),
      ).toBe(Buffer.from(comment.value).toString('hex'));
  }
  expect(lstatSync(path.join(root, 'folder/file')).mode & 0o777).toBe(0o440);
});

test('a file that lacks an extended attribute is not the same', async () => {
  const root = makeTempDir();
  const target = new DirectoryTarget({ root, random: new SeededRandom() });
  const plain = { ...described('file'), attributes: { mode: '0640', ...exactAttributes(ns, []) } };
  await target.write(plain, pieces('text'), 'never');

  const kept = await target.write(described('file'), pieces('text'), 'never');
  const written = await target.write(described('file'), pieces('text'), 'if-different');
  await target.finish();

  expect([kept, written]).toEqual(['kept', 'written']);
});

test('without Python a file comes with the time that Node sets, and the attributes are named', async () => {
  const root = makeTempDir();
  const exact = new ExactFacts('holdfast-no-such-python');
  const target = new DirectoryTarget({ root, random: new SeededRandom(), exact });

  await target.write(described('file'), pieces('text'), 'never');
  await target.write(described('other'), [utf8('text')], 'never');

  expect(await target.finish()).toEqual([{ fact: 'xattrs', entries: 2, example: 'file' }]);
  expect(readFileSync(path.join(root, 'other'), 'utf8')).toBe('text');
  expect(lstatSync(path.join(root, 'file')).mtimeMs).toBeCloseTo(1_700_000_000_123.457, 2);
});

test('of files that are written side by side each gets its own answer', async () => {
  const root = makeTempDir();
  const plain = { ...described('any'), attributes: { mode: '0640', ...exactAttributes(ns, []) } };
  const paths = ['one', 'missing', 'other'].map((name) => path.join(root, name));
  for (const at of [0, 2]) writeFileSync(paths[at]!, '');
  const exact = new ExactFacts();

  const unkept = await Promise.all(paths.map(async (at) => exact.apply(Buffer.from(at), plain)));
  await exact.close();

  expect(unkept).toEqual([[], ['time'], []]);
});

test('a path or a name that is none is refused by itself, and files after it get their facts', async () => {
  const root = makeTempDir();
  const plain = { ...described('any'), attributes: { mode: '0640', ...exactAttributes(ns, []) } };
  const nameless = { name: utf8('user.a\0b'), value: utf8('') };
  const named = { ...plain, attributes: { mode: '0640', ...exactAttributes(ns, [nameless]) } };
  const file = path.join(root, 'file');
  writeFileSync(file, '');
  const exact = new ExactFacts();

  const unkept = [
    await exact.apply(Buffer.from(`${file}\0`), plain),
    await exact.apply(Buffer.from(file), named),
    await exact.apply(Buffer.from(file), plain),
  ];
  await exact.close();

  expect(unkept).toEqual([['time'], ['xattrs'], []]);
  expect(lstatSync(file, { bigint: true }).mtimeNs).toBe(ns);
});
