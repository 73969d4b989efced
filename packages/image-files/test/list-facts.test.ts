import type { DirectoryEntry, FileNode, FileSystem } from '@holdfast/disk';
import { expect, test } from 'vitest';
import { DirectoryLister } from '../src/list-facts.ts';
import { ReadRecorder } from '../src/reliance.ts';

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
