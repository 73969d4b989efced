import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  cacheBlocks,
  type FileNode,
  type FileSystem,
  findPath,
  openFileSystem,
  walkTree,
} from '../../src/index.ts';
import { askNtfscat, unpackImage } from '../support/ntfsprogs.ts';
import { makeScratch } from '../support/scratch.ts';
import { bytesSource } from '../support/sources.ts';
import { everything, givenAttribute, hardLinks, pieces, text, type WrittenNode } from './everything.ts';

const scratch = makeScratch();
const image = path.join(scratch.path, 'everything.img');
const bytes = unpackImage('everything');
let fileSystem: FileSystem;
beforeAll(async () => {
  writeFileSync(image, bytes);
  fileSystem = await openFileSystem(cacheBlocks(bytesSource(bytes)));
});
afterAll(scratch.remove);

async function find(name: string | Uint8Array, followLast = false): Promise<FileNode> {
  const node = await findPath(fileSystem, Buffer.from(name), { followLast });
  if (node === undefined) throw new Error(`${Buffer.from(name).toString()} is not there`);
  return node;
}

async function contentOf(node: FileNode, from?: number, to?: number): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(node.read({ from, to })));
}

function writtenContent({ content, stretches = {}, bytes: end = 0 }: WrittenNode): Buffer {
  if (content !== undefined) return content;
  const sparse = Buffer.alloc(end);
  for (const [offset, stretch] of Object.entries(stretches)) stretch.copy(sparse, Number(offset));
  return sparse;
}

const pathOf = ({ path: name }: WrittenNode): Buffer => Buffer.from(name);
const isReparsePoint = ({ attributes }: WrittenNode): boolean =>
  attributes?.['system.ntfs_reparse_data'] !== undefined;
const plain = everything.filter(
  ({ kind, attributes }) => kind === 'file' && !isReparsePoint({ attributes } as WrittenNode),
);

async function kindsOf(name: string): Promise<string[]> {
  const runs = await Array.fromAsync((await find(name)).runs());
  return [...new Set(runs.map(({ kind }) => kind))].sort();
}

async function attributesOf(name: string): Promise<Record<string, Buffer>> {
  const attributes = await (await find(name)).attributes();
  return Object.fromEntries(
    attributes.map((attribute) => [Buffer.from(attribute.name).toString(), Buffer.from(attribute.value)]),
  );
}

test('a walk finds each name once, and none of the file system itself', async () => {
  const steps = await Array.fromAsync(walkTree(fileSystem, await fileSystem.root()));

  const names = steps.map((step) => Buffer.from(step.path).toString('hex')).sort();
  expect(names).toEqual(everything.map((node) => pathOf(node).toString('hex')).sort());
  expect(steps.filter(({ error }) => error !== undefined)).toEqual([]);
});

test('files read as they were written, and as ntfscat reads them', async () => {
  for (const node of plain) {
    const content = await contentOf(await find(pathOf(node)));
    expect(content.equals(writtenContent(node)), pathOf(node).toString()).toBe(true);
  }
  for (const name of ['compressed/text', 'compressed/mixed', 'compressed/holes', 'sparse', 'in pieces'])
    expect((await contentOf(await find(name))).equals(askNtfscat(image, name)), name).toBe(true);
});

test('facts of a file system are those that it was made with', () => {
  expect(fileSystem.facts).toMatchObject({
    type: 'ntfs',
    label: 'Everything ü',
    uuid: Buffer.from(bytes.subarray(0x48, 0x50)).reverse().toString('hex').toUpperCase(),
    blockBytes: 512,
  });
  expect(fileSystem.notices).toEqual([]);
});

describe('compressed content', () => {
  test('comes in units, of which those that could not be compressed, and holes, are as they are', async () => {
    expect(await kindsOf('compressed/text')).toEqual(['inline']);
    expect(await kindsOf('compressed/mixed')).toEqual(['inline', 'stored']);
    expect(await kindsOf('compressed/holes')).toEqual(['hole', 'inline', 'stored']);
  });

  test('is read from any place to any other', async () => {
    const written = everything.find(({ path: name }) => name === 'compressed/mixed');
    const content = writtenContent(written ?? { path: '', kind: 'file' });
    const node = await find('compressed/mixed');

    for (const [from, to] of [
      [0, 1],
      [8191, 8193],
      [8000, 30_000],
      [30_000, 56_001],
      [56_000, 99_999],
      [56_001, 60_000],
    ] as const)
      expect((await contentOf(node, from, to)).equals(content.subarray(from, to)), `${from}`).toBe(true);
  });
});

test('holes are told of, and read as zeros', async () => {
  const runs = await Array.fromAsync((await find('sparse')).runs());

  const kinds = runs.map(({ kind }) => kind);
  expect(kinds).toEqual(['stored', 'hole', 'stored', 'hole']);
  expect(runs.reduce((sum, run) => sum + run.bytes, 0)).toBe(5_000_000);
});

test('a file in more pieces than its record has room for reads as it was written', async () => {
  const written = everything.find(({ path: name }) => name === 'in pieces');
  const content = writtenContent(written ?? { path: '', kind: 'file' });
  const node = await find('in pieces');

  expect(await Array.fromAsync(node.runs())).toHaveLength(2 * pieces);
  for (const at of [0, 200_001, 612_000])
    expect((await contentOf(node, at, at + 3000)).equals(content.subarray(at, at + 3000))).toBe(true);
});

describe('links', () => {
  test.each([
    ['to a file', 'links/first'],
    ['to the root', '/links/first'],
    ['up and down', '../../links'],
    ['of Linux', '/links/größe'],
    ['to another drive', 'D:\\somewhere\\else'],
    ['to a share', '\\\\server\\share'],
    ['junction', 'C:\\Users'],
    ['mounted volume', 'Volume{3f2504e0-4f89}\\'],
  ])('%s have their target', async (name, target) => {
    const node = await find(name);

    expect(node.kind).toBe('link');
    expect(Buffer.from(await node.linkTarget()).toString()).toBe(target);
    expect(node.bytes).toBe(Buffer.byteLength(target));
  });

  test('within a volume are followed; those to elsewhere lead to nothing', async () => {
    const first = await find('links/first');

    expect((await find('to a file', true)).id).toBe(first.id);
    expect((await find('to the root', true)).id).toBe(first.id);
    expect((await find('up and down/first')).id).toBe(first.id);
    for (const name of ['to another drive', 'to a share', 'junction', 'mounted volume'])
      expect(await findPath(fileSystem, Buffer.from(name), { followLast: true })).toBeUndefined();
  });

  test('that are hard are names of one file', async () => {
    const names = everything.filter(({ of }) => of === 'links/first').map(pathOf);
    const ids = new Set((await Promise.all(names.map(async (name) => find(name)))).map(({ id }) => id));
    const first = await find('links/first');

    expect([...ids]).toEqual([first.id]);
    expect(first.names).toBe(hardLinks);
  });
});

test.each([
  ['deduplicated', 'deduplicated content'],
  ['compact', 'content compressed by Windows (WOF, CompactOS)'],
  ['in the cloud', 'a file kept in the cloud (OneDrive)'],
  ['of somebody', 'content behind a reparse point of tag 0xcafe'],
])('content that is not there (%s) is refused by its name when it is read', async (name, found) => {
  const node = await find(name);

  await expect(contentOf(node)).rejects.toMatchObject({ name: 'DiskUnsupportedError', found });
  const attributes = await node.attributes();
  expect(attributes.map((attribute) => Buffer.from(attribute.name).toString())).toContain(
    'system.ntfs_reparse_data',
  );
});

describe('names', () => {
  test('are found in any case, the same one first', async () => {
    const contents: Record<string, string> = {};
    for (const name of ['Name', 'NAME', 'name', 'ÄÖÜ', 'äöü', 'OTHER', 'Other'])
      contents[name] = (await contentOf(await find(`CASES/${name}`))).toString();

    expect(contents).toEqual({
      Name: 'Name',
      NAME: 'NAME',
      name: 'name',
      ÄÖÜ: 'ÄÖÜ',
      äöü: 'äöü',
      OTHER: 'other',
      Other: 'other',
    });
    expect(['Name', 'NAME', 'name']).toContain((await contentOf(await find('cases/nAmE'))).toString());
  });

  test('of DOS lead to the same file, and are not listed', async () => {
    const long = await find('Directory with a long name/File with a long name.txt');

    expect((await find('direct~1/filewi~1.txt')).id).toBe(long.id);
    expect(long.names).toBe(1);
  });

  test('that no encoding has are not there', async () => {
    for (const name of [[0x80], [0xc0, 0x80], [0xff], [0xf8, 0x80], [0xed, 0xa0]])
      expect(await findPath(fileSystem, Uint8Array.from(name))).toBeUndefined();
  });

  test("of the file system's own files are found, though they are not listed", async () => {
    expect((await find('$MFT')).bytes).toBeGreaterThan(100_000);
    expect((await contentOf(await find('$UpCase'))).equals(askNtfscat(image, '$UpCase'))).toBe(true);
    expect((await find('$Extend/$Reparse')).kind).toBe('file');
  });
});

describe('streams', () => {
  test('are attributes of their file, and nodes by its name and theirs', async () => {
    const values = await attributesOf('with streams');

    expect(values['user.small']?.toString()).toBe('a stream');
    expect(values['user.große']).toBeUndefined();
    expect(values['user.größe']?.toString()).toBe('a stream whose name is not of ASCII');
    expect(values['user.large']?.equals(text(40_000))).toBe(true);
    expect((await contentOf(await find('with streams:large'))).equals(text(40_000))).toBe(true);
    expect((await contentOf(await find('WITH STREAMS:Large:$DATA'))).length).toBe(40_000);
    expect(askNtfscat(image, 'with streams', 'large').equals(text(40_000))).toBe(true);
  });

  test('of directories are nodes, too', async () => {
    for (const name of ['folder with a stream:note', 'folder with a stream/:note'])
      expect((await contentOf(await find(name))).toString()).toBe('of a directory');
  });

  test('that are not there are not found', async () => {
    for (const name of ['with streams:other', 'with streams:', 'nothing:small', 'empty:small'])
      expect(await findPath(fileSystem, Buffer.from(name))).toBeUndefined();
  });

  test('have the times of their file, and no entries', async () => {
    const [stream, owner] = [await find('with streams:small'), await find('with streams')];

    expect(stream).toMatchObject({ kind: 'file', bytes: 8, modifiedAt: owner.modifiedAt });
    expect((await fileSystem.node(stream.id)).bytes).toBe(8);
    await expect(stream.find(Buffer.from('x'))).rejects.toMatchObject({ name: 'DiskPathError' });
    await expect(fileSystem.node(stream.id + 9 * 2 ** 32)).rejects.toMatchObject({
      name: 'DiskDamagedError',
    });
  });
});

test('times are exact, centuries before 1970 and after 2038', async () => {
  for (const node of everything.filter(({ modifiedAt }) => modifiedAt !== undefined))
    expect((await find(pathOf(node))).modifiedAt, pathOf(node).toString()).toBe(node.modifiedAt);
  expect(await find('plain.txt')).toMatchObject({
    createdAt: 1_700_000_000_000_000_000n,
    accessedAt: 1_700_000_000_000_000_000n,
  });
});

test('attributes of DOS, extended attributes and security descriptors come in the names of ntfs-3g', async () => {
  expect((await attributesOf('hidden'))['system.ntfs_attrib']?.readUInt32LE()).toBe(0x2);
  expect((await attributesOf('with attributes'))['system.ntfs_ea']?.equals(givenAttribute)).toBe(true);
  // S-1-5-32-544, the administrators.
  const acl = (await attributesOf('plain.txt'))['system.ntfs_acl'];
  const owner = acl?.subarray(acl.readUInt32LE(4));
  expect(owner?.subarray(0, 16).toString('hex')).toBe('01020000000000052000000020020000');
});

test('modes say what may be written; owners are not those of Linux', async () => {
  expect(await find('read-only')).toMatchObject({ mode: 0o444, owner: { uid: 0, gid: 0 } });
  expect(await find('plain.txt')).toMatchObject({ mode: 0o644, kind: 'file' });
  expect(await find('cases')).toMatchObject({ mode: 0o755, kind: 'directory' });
});

test('directories say of their entries what these are', async () => {
  for (const directory of [await fileSystem.root(), await find('cases')])
    for await (const entry of directory.list())
      expect(entry.kind, Buffer.from(entry.name).toString()).toBe((await fileSystem.node(entry.id)).kind);
});
