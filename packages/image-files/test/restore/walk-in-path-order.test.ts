import type { FileNode, FileSystem } from '@holdfast/disk';
import { expect, test } from 'vitest';
import { walkInPathOrder } from '../../src/restore/walk-in-path-order.ts';

type Listed = Readonly<Record<string, { readonly id: number; readonly kind: 'file' | 'directory' }>>;

/** A file system of which only the names in its directories, and kinds, are asked. */
function treeOf(list: (id: number) => Iterable<Listed>): FileSystem {
  const node = (id: number, kind: FileNode['kind']): FileNode =>
    ({
      id,
      kind,
      list: async function* entries() {
        for (const listed of list(id))
          for (const [name, { id: child, kind: is }] of Object.entries(listed))
            yield { name: Buffer.from(name), id: child, kind: is };
      },
    }) as Partial<FileNode> as FileNode;
  return {
    root: async () => node(1, 'directory'),
    node: async (id: number) => node(id, id >= 1_000_000 ? 'file' : 'directory'),
  } as Partial<FileSystem> as FileSystem;
}

async function walk(fileSystem: FileSystem, mostNames?: number): Promise<readonly string[]> {
  const steps: string[] = [];
  for await (const { path, error } of walkInPathOrder(
    { fileSystem, root: await fileSystem.root(), prefix: '' },
    {},
    undefined,
    mostNames,
  ))
    steps.push(error === undefined ? path : `${path.length}: ${error.message}`);
  return steps;
}

test('directories in each other end where no system could open a path', async () => {
  const name = 'n'.repeat(255);
  let listed = 0;
  const steps = await walk(
    treeOf((id) => {
      listed += 1;
      if (listed > 1000) throw new Error('the walk does not end');
      return [{ [name]: { id: id + 1, kind: 'directory' } }];
    }),
  );

  expect(steps.at(-1)).toMatch(/^65792: .*its path is longer than 65536 bytes/);
  expect(steps).toHaveLength(257);
});

test('a name that is in a directory many times is told of once', async () => {
  const once: Listed = { a: { id: 1_000_000, kind: 'file' } };
  const steps = await walk(treeOf(() => Array.from({ length: 500 }, () => once)));

  expect(steps).toEqual(['a', expect.stringContaining('its directory has the name twice')]);
});

test('names beyond what a walk holds in memory are told of with their directory', async () => {
  const names = ['a', 'b', 'c'].map((name, at) => [name, { id: 1_000_000 + at, kind: 'file' }] as const);
  const steps = await walk(
    treeOf((id) => (id === 1 ? [{ d: { id: 2, kind: 'directory' } }] : [Object.fromEntries(names)])),
    3,
  );

  expect(steps).toEqual([
    expect.stringMatching(/^2: "d\/" .* more than 3 names, and not all of them are restored/),
    'd/a',
    'd/b',
  ]);
});
