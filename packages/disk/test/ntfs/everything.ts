/**
 * The tree of `everything.img.br`, which `make-images.ts` wrote and the tests compare with. Content is made by rules, so
 * that it is said once.
 */
export interface WrittenNode {
  readonly path: string | Buffer;
  readonly kind: 'file' | 'directory' | 'hard link';
  readonly content?: Buffer;
  /** Stretches of a sparse file, by offset; written from the last to the first, so that they lie on the disk like this. */
  readonly stretches?: Readonly<Record<number, Buffer>>;
  /** The end of a sparse file. */
  readonly bytes?: number;
  /** Extended attributes that ntfs-3g is told: streams (`user.`), attributes of DOS, reparse points and others. */
  readonly attributes?: Readonly<Record<string, Buffer>>;
  /** Time of the last change, in nanoseconds since 1970. */
  readonly modifiedAt?: bigint;
  /** The node that a hard link is another name of. */
  readonly of?: string;
}

export const text = (bytes: number): Buffer => Buffer.alloc(bytes, 'text that repeats itself, and goes on; ');

/** Bytes that nothing can compress, the same on every machine. */
export function noise(bytes: number, seed = 1): Buffer {
  let state = seed;
  return Buffer.from(
    Array.from({ length: bytes }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    }),
  );
}

const utf16 = (value: string): Buffer => Buffer.from(value, 'utf16le');

function reparse(tag: number, value: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(tag, 0);
  // Of tags that are not Microsoft's, an identifier comes first, and does not count.
  header.writeUInt16LE(tag >= 0x80000000 ? value.length : value.length - 16, 4);
  return Buffer.concat([header, value]);
}

/** A link as Windows keeps it: the target, and what of it is shown. */
function linkValue(target: string, shown: string, flags?: number): Buffer {
  const names = [utf16(target), utf16('\0'), utf16(shown), utf16('\0')];
  const lengths = names.map(({ length }) => length);
  const header = Buffer.alloc(flags === undefined ? 8 : 12);
  header.writeUInt16LE(0, 0);
  header.writeUInt16LE(lengths[0] ?? 0, 2);
  header.writeUInt16LE((lengths[0] ?? 0) + 2, 4);
  header.writeUInt16LE(lengths[2] ?? 0, 6);
  if (flags !== undefined) header.writeUInt32LE(flags, 8);
  return Buffer.concat([header, ...names]);
}

const dosFlags = (flags: number): Record<string, Buffer> => {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(flags);
  return { 'system.ntfs_attrib_be': value };
};
const point = (tag: number, value: Buffer): Record<string, Buffer> => ({
  'system.ntfs_reparse_data': reparse(tag, value),
});
const file = (
  path: string | Buffer,
  content: Buffer,
  attributes: Record<string, Buffer> = {},
): WrittenNode => ({ path, kind: 'file', content, attributes });
const directory = (path: string, attributes: Record<string, Buffer> = {}): WrittenNode => ({
  path,
  kind: 'directory',
  attributes,
});

/** More than a record has room for. */
export const pieces = 600;
export const hardLinks = 70;
const compressed = dosFlags(0x810);

/** One extended attribute as NTFS has it: its length, flags, the lengths of name and value, and both. */
export const givenAttribute = Buffer.concat([
  Buffer.from([20, 0, 0, 0, 0, 4, 5, 0]),
  Buffer.from('NAME\0value\0\0', 'latin1'),
]);

export const everything: readonly WrittenNode[] = [
  file('plain.txt', Buffer.from('plain')),
  file('empty', Buffer.alloc(0)),
  file('medium', noise(3000, 7)),

  directory('compressed', compressed),
  file('compressed/tiny', text(100)),
  file('compressed/text', text(100_000)),
  file('compressed/mixed', Buffer.concat([text(9000), noise(17_000), text(30_001)])),
  {
    path: 'compressed/holes',
    kind: 'file',
    stretches: { 0: text(20_000), 120_000: text(5000) },
    bytes: 300_000,
  },
  { path: 'sparse', kind: 'file', stretches: { 0: text(700), 3_000_000: text(100) }, bytes: 5_000_000 },

  {
    path: 'in pieces',
    kind: 'file',
    stretches: Object.fromEntries(
      Array.from({ length: pieces }, (_, index) => [1024 * index, Buffer.alloc(512, `piece ${index}, `)]),
    ),
    bytes: 1024 * pieces,
  },

  file('with streams', Buffer.from('content'), {
    'user.small': Buffer.from('a stream'),
    'user.large': text(40_000),
    'user.größe': Buffer.from('a stream whose name is not of ASCII'),
  }),
  directory('folder with a stream', { 'user.note': Buffer.from('of a directory') }),

  directory('links'),
  file('links/first', Buffer.from('has many names')),
  ...Array.from({ length: hardLinks - 1 }, (_, index): WrittenNode => ({
    path: `links/another name of the first one, with number ${index}`,
    kind: 'hard link',
    of: 'links/first',
  })),

  directory('Directory with a long name', { 'system.ntfs_dos_name': Buffer.from('DIRECT~1') }),
  file('Directory with a long name/File with a long name.txt', Buffer.from('long'), {
    'system.ntfs_dos_name': Buffer.from('FILEWI~1.TXT'),
  }),

  file('to a file', Buffer.alloc(0), point(0xa000000c, linkValue('links\\first', 'links\\first', 1))),
  file('to the root', Buffer.alloc(0), point(0xa000000c, linkValue('\\links\\first', '\\links\\first', 1))),
  directory('up and down', point(0xa000000c, linkValue('..\\..\\links', '..\\..\\links', 1))),
  file(
    'to another drive',
    Buffer.alloc(0),
    point(0xa000000c, linkValue('\\??\\D:\\somewhere\\else', 'D:\\somewhere\\else', 0)),
  ),
  file(
    'to a share',
    Buffer.alloc(0),
    point(0xa000000c, linkValue('\\??\\UNC\\server\\share', '\\\\server\\share', 0)),
  ),
  directory('junction', point(0xa0000003, linkValue('\\??\\C:\\Users', 'C:\\Users'))),
  directory('mounted volume', point(0xa0000003, linkValue('\\??\\Volume{3f2504e0-4f89}\\', ''))),
  file(
    'of Linux',
    Buffer.alloc(0),
    point(0xa000001d, Buffer.concat([Buffer.from([2, 0, 0, 0]), Buffer.from('/links/größe')])),
  ),
  file('deduplicated', Buffer.alloc(0), point(0x80000013, Buffer.alloc(16, 1))),
  file('compact', Buffer.alloc(0), point(0x80000017, Buffer.alloc(16, 1))),
  file('in the cloud', Buffer.alloc(0), point(0x9000601a, Buffer.alloc(16, 1))),
  file('of somebody', Buffer.alloc(0), point(0x0000cafe, Buffer.alloc(32, 1))),

  file('ü'.repeat(255), Buffer.from('the longest name')),
  file('🙂🙂', Buffer.from('beyond the first plane')),
  file(Buffer.from('half \xed\xa0\xbd of a pair', 'latin1'), Buffer.from('a lone surrogate')),
  file('colon:and\\backslash', Buffer.from('a name that Windows does not allow')),

  directory('cases'),
  ...['Name', 'NAME', 'name', 'ÄÖÜ', 'äöü', 'other'].map((name) => file(`cases/${name}`, Buffer.from(name))),

  file('hidden', Buffer.from('h'), dosFlags(0x2)),
  file('read-only', Buffer.from('r'), dosFlags(0x1)),
  file('with attributes', Buffer.from('a'), { 'system.ntfs_ea': givenAttribute }),

  { ...file('of 1601', Buffer.from('1')), modifiedAt: -11_644_473_599_000_000_100n },
  { ...file('of 1950', Buffer.from('2')), modifiedAt: -626_036_032_876_543_300n },
  { ...file('of 2040', Buffer.from('3')), modifiedAt: 2_222_222_222_123_456_700n },
  { ...file('of 9999', Buffer.from('4')), modifiedAt: 253_402_300_799_999_999_900n },
];

/** The tree of `crowd.img.br`. */
export const crowd = 10_100;
export const crowdName = (index: number): string => (index % 50 === 0 ? `Größe ${index}` : `e${index}`);

/** The tree of `small.img.br`, of which mutants are made: everything in it can be read. */
export const small: readonly WrittenNode[] = [
  directory('Windows'),
  file('Windows/win.ini', Buffer.from('; for 16-bit app support')),
  directory('packed', compressed),
  file('packed/text', Buffer.concat([text(9000), noise(5000), text(3000)])),
  directory('many'),
  ...Array.from({ length: 120 }, (_, index) => file(`many/file number ${index}`, Buffer.alloc(0))),
  directory('a'),
  file('a/tiny', Buffer.from('x')),
  file('a/text', text(5000), {
    'user.note': Buffer.from('a stream'),
    'system.ntfs_dos_name': Buffer.from('TE~1'),
  }),
  ...Array.from({ length: 12 }, (_, index): WrittenNode => ({
    path: `a/another name of the file with number ${index}`,
    kind: 'hard link',
    of: 'a/tiny',
  })),
  file('link', Buffer.alloc(0), point(0xa000000c, linkValue('a\\text', 'a\\text', 1))),
  { path: 'sparse', kind: 'file', stretches: { 0: text(700), 60_000: text(100) }, bytes: 100_000 },
];
