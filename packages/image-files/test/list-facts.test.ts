import type { DirectoryEntry, FileNode, FileSystem } from '@holdfast/disk';
import { bytesSource } from '@holdfast/disk/testing';
import { expect, test } from 'vitest';
import { DirectoryLister } from '../src/list-facts.ts';
import { ReadRecorder } from '../src/reliance.ts';
import { StateComparison } from '../src/state-comparison.ts';

async function* oneName(): AsyncGenerator<DirectoryEntry> {
  for (let time = 0; time < 500; time += 1) yield { name: Buffer.from('a'), id: 2, kind: 'file' };
}

test('a name that is in a directory many times is listed once, and told of once', async () => {
  const node = { kind: 'file', bytes: 1, mode: 0o644, owner: { uid: 0, gid: 0 }, list: oneName };
  const fileSystem = { node: async () => node as Partial<FileNode> } as unknown as FileSystem;
  const lister = new DirectoryLister(fileSystem, { isWanted: () => true, recorder: new ReadRecorder() });

  const { wanted, problems } = await lister.list({ path: new Uint8Array(), id: 1 });

  expect(wanted).toHaveLength(1);
  expect(problems).toEqual(['a: its directory has the name twice']);
});

async function* none(): AsyncGenerator<DirectoryEntry> {}

test('what could not be read whole in one state is read again in another', async () => {
  const state = { layout: '', source: { ...bytesSource(new Uint8Array(512)), mayDiffer: () => false } };
  const node: Partial<FileNode> = { kind: 'directory', list: none };
  const lister = new DirectoryLister({ node: async () => node } as unknown as FileSystem, {
    isWanted: () => true,
    recorder: new ReadRecorder(),
    comparison: new StateComparison(state, state),
  });
  const directory = { path: new Uint8Array(), id: 1 };
  const whole = await lister.list(directory);

  expect(await lister.list(directory, whole)).toBe(whole);
  // The block that could not be read may be whole there, and no read of it is known.
  const damaged = { ...whole, problems: ['d3: a block is damaged'] };
  expect((await lister.list(directory, damaged)).problems).toEqual([]);
});
