import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { OverwriteRule } from '@holdfast/engine/model';
import { TargetEntryError, TargetUnavailableError } from '@holdfast/engine';
import { expect, onTestFinished, test } from 'vitest';

import { toDirectoryError } from '../src/target/directory-target-errors.ts';
import { rawPathOfText } from '../src/source/raw-path.ts';
import { asRoot, directory, entry, makeTarget, pieces, writeText } from './target-under-test.ts';
import { makeTempDir } from './temp-dir.ts';

const nobody = 65_534;

/** Does something as a user with few rights; only root can. */
async function asNobody<Result>(work: () => Promise<Result>): Promise<Result> {
  process.seteuid?.(nobody);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

/** Makes a file that even root cannot change, where the file system has such a flag. */
function makeImmutable(file: string): boolean {
  try {
    execFileSync('chattr', ['+i', file], { stdio: 'ignore' });
  } catch {
    return false;
  }
  onTestFinished(() => {
    execFileSync('chattr', ['-i', file], { stdio: 'ignore' });
  });
  return true;
}

test.for(['if-different', 'always'] as const)(
  'an immutable file is refused by itself, and the next one is written (%s)',
  async (rule: OverwriteRule, { skip }) => {
    const { target, root } = makeTarget();
    writeFileSync(path.join(root, 'fixed'), 'old');
    skip(!makeImmutable(path.join(root, 'fixed')), 'there is no immutable flag here');

    await expect(writeText(target, 'fixed', 'new', rule)).rejects.toMatchObject({
      name: 'TargetEntryError',
      concerns: 'one',
      reason: 'denied',
    });
    expect(await writeText(target, 'other', 'new', rule)).toBe('written');

    expect(readFileSync(path.join(root, 'fixed'), 'utf8')).toBe('old');
    expect(readdirSync(root).sort()).toEqual(['fixed', 'other']);
  },
);

test.runIf(asRoot)('a directory of another user is refused by itself', async () => {
  const root = makeTempDir();
  chownSync(root, nobody, 0);
  mkdirSync(path.join(root, 'theirs'));
  chmodSync(path.join(root, 'theirs'), 0o755);

  await asNobody(async () => {
    const { target } = makeTarget(root);
    await expect(writeText(target, 'theirs/a', 'x')).rejects.toBeInstanceOf(TargetEntryError);
    expect(await target.accepts(entry('theirs/b/c'), 'always')).toBe(false);
    expect(await target.accepts(entry('mine/b/c'), 'always')).toBe(true);
    expect(await writeText(target, 'mine/b/c', 'x')).toBe('written');
  });

  expect(readdirSync(root).sort()).toEqual(['mine', 'theirs']);
});

test('a directory whose facts cannot be set is counted, and does not keep others from theirs', async () => {
  const { target, root } = makeTarget();
  await target.write(directory('a/'), pieces(), 'always');
  await target.write(directory('b/', '0711'), pieces(), 'always');
  rmSync(path.join(root, 'a'), { recursive: true });

  const unkept = await target.finish();

  expect(unkept).toContainEqual({ fact: 'mode', entries: 1, example: 'a/' });
  expect(statSync(path.join(root, 'b')).mode & 0o777).toBe(0o711);
});

test('a name that the file system does not take is refused by itself', async () => {
  const { target } = makeTarget();

  await expect(writeText(target, 'n'.repeat(300), 'x')).rejects.toMatchObject({ concerns: 'one' });
  expect(await writeText(target, 'next', 'x')).toBe('written');
});

test('a target that is gone ends the restore', async () => {
  const { target, root } = makeTarget();
  rmSync(root, { recursive: true });

  await expect(writeText(target, 'a', 'x')).rejects.toBeInstanceOf(TargetUnavailableError);
  await expect(target.accepts(entry('a'), 'always')).rejects.toBeInstanceOf(TargetUnavailableError);
});

test.each([
  { code: 'ENOSPC', concerns: 'all' },
  { code: 'EDQUOT', concerns: 'all' },
  { code: 'EIO', concerns: 'all' },
  { code: 'EMFILE', concerns: 'all' },
  { code: 'EPERM', concerns: 'one' },
  { code: 'EACCES', concerns: 'one' },
  { code: 'EROFS', concerns: 'one' },
  { code: 'EFBIG', concerns: 'one' },
  { code: 'ETXTBSY', concerns: 'one' },
  { code: 'ENAMETOOLONG', concerns: 'one' },
  { code: 'EINVAL', concerns: 'one' },
  { code: 'EILSEQ', concerns: 'one' },
  { code: 'ELOOP', concerns: 'one' },
  { code: 'ETOMORROW', concerns: 'one' },
])('$code concerns $concerns', ({ code, concerns }) => {
  const error = Object.assign(new Error(code), { code });

  const turned = toDirectoryError(error, rawPathOfText(makeTempDir()), rawPathOfText('a'));

  expect(turned).toMatchObject({ concerns });
  expect(turned.message).toContain(code);
});
