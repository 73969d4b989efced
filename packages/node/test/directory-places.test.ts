import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import {
  backUpFiles,
  keysOfRestoreShard,
  newId,
  openVault,
  planRestore,
  PointReader,
  restoreRange,
  restoreReadable,
  type ResourceArn,
  type RunId,
} from '@holdfast/engine';
import type { OverwriteRule } from '@holdfast/engine/model';
import { makeMemoryServices, MemorySource } from '@holdfast/engine/testing';
import { expect, test } from 'vitest';

import { DirectoryTarget, systemClock, systemRandom } from '../src/index.ts';
import { makeTempDir } from './temp-dir.ts';

/** A point of a bucket's objects. */
async function pointOf(keys: readonly string[]): Promise<PointReader> {
  const source = new MemorySource(systemClock);
  for (const key of keys) source.plant(key, key.endsWith('/') ? '' : `object ${key}`);
  const services = makeMemoryServices(systemClock, systemRandom);
  const request = {
    runId: newId<RunId>(systemRandom),
    resourceArn: 'arn:aws:s3:::photos' as ResourceArn,
    resourceKind: 's3-bucket',
    plan: 'daily',
    type: 'full',
    keepDays: 7,
    readTags: false,
  } as const;
  const { root } = await backUpFiles(services, request, { source });
  return new PointReader(services.store, await openVault(services), root);
}

const keys = ['a', 'a!', 'a/', 'a/b', 'c/', 'c/d', 'c/d/e', 'x//y', 'x/y'];
const refused = ['a/', 'a/b', 'c/d/e', 'x//y'];

const targetIn = (root: string): DirectoryTarget => new DirectoryTarget({ root, random: systemRandom });

function readTree(root: string): Record<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const file = path.join(parentPath, name);
      return [path.relative(root, file), readFileSync(file, 'utf8')];
    }),
  );
}

const restored = Object.fromEntries(['a', 'a!', 'c/d', 'x/y'].map((key) => [key, `object ${key}`]));

test.each(['never', 'if-different', 'always'] as const)(
  'a marker leaves the object that has its name, and is named itself, in one process and in many (%s)',
  async (overwrite: OverwriteRule) => {
    const reader = await pointOf(keys);
    const { shards } = await planRestore(reader, { limits: { files: 1, bytes: 1 }, workers: 4 });
    const roots = [makeTempDir(), makeTempDir()] as const;

    for (const round of ['first', 'again']) {
      const whole = await restoreReadable(reader, { target: targetIn(roots[0]), overwrite });
      const parts = await Promise.all(
        shards.toReversed().map(async (shard) =>
          restoreRange(reader, {
            range: keysOfRestoreShard(shard),
            selection: [{}],
            target: targetIn(roots[1]),
            overwrite,
          }),
        ),
      );

      for (const outcomes of [[whole], parts]) {
        const failed = outcomes.flatMap((outcome) => outcome.failed);
        expect(failed.map((one) => one.path).sort(), round).toEqual(refused);
        expect(new Set(failed.map(({ name }) => name)), round).toEqual(new Set(['RestorePathError']));
      }
      for (const root of roots) expect(readTree(root), round).toEqual(restored);
    }
  },
);
