import { readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import path from 'node:path';
import type { CommittedPoint } from '@holdfast/engine';
import type { BackupType } from '@holdfast/engine/model';
import { expect, test, vi } from 'vitest';

import { backUpDirectory, createKeyFile, restoreDirectory, systemRandom } from '../src/index.ts';
import { plantTree } from './plant-tree.ts';
import { makeTempDir } from './temp-dir.ts';

// The patience with which one thread works alone has run out before it begins.
vi.mock(import('node:timers/promises'), async (original) => ({
  ...(await original()),
  setTimeout: async <T>(_?: number, value?: T) => value as T,
}));

/** Files of long ago: what has just changed is read again by the next run. */
function plant(root: string, first: number, last: number): void {
  const tree: Record<string, string> = {};
  for (let at = first; at <= last; at += 1) tree[`d${at % 5}/f${at}`] = `content ${at}`;
  plantTree(root, tree);
  for (const name of Object.keys(tree)) utimesSync(path.join(root, name), 1_600_000_000, 1_600_000_000);
}

function contentsOf(root: string): ReadonlyMap<string, string> {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => statSync(path.join(root, name)).isFile());
  return new Map(files.map((name) => [name, readFileSync(path.join(root, name), 'utf8')]));
}

test('a directory that has grown far beyond its base is compared whole, whoever joins in', async () => {
  const [source, place, target] = [makeTempDir(), makeTempDir(), makeTempDir()];
  const vault = { root: path.join(place, 'vault'), keyFile: path.join(place, 'key') };
  await createKeyFile(vault.keyFile, systemRandom);
  const backUp = async (type: BackupType): Promise<CommittedPoint['root']> =>
    (await backUpDirectory({ vault, directory: source, type, keepDays: 7, workers: 2 })).root;
  plant(source, 1, 1_100);
  const full = await backUp('full');

  const same = await backUp('incremental');
  plant(source, 1_101, 2_900);
  plantTree(source, { 'd2/f2': 'changed' });
  rmSync(path.join(source, 'd3/f3'));
  const grown = await backUp('incremental');
  await restoreDirectory({
    vault,
    resourceArn: grown.resource,
    pointId: grown.point,
    directory: target,
    overwrite: 'never',
    workers: 1,
  });

  expect(same).toMatchObject({ manifest: full.manifest, counts: { filesChanged: 0, readBytes: 0 } });
  expect(grown.counts).toMatchObject({ files: full.counts.files + 1_799, filesRemoved: 1 });
  expect(contentsOf(target)).toEqual(contentsOf(source));
});
