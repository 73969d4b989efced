import { createHash } from 'node:crypto';
import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  openSync,
  readlinkSync,
  readSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '@holdfast/engine/testing';
import { quotePath } from './listed-file.ts';

const mib = 2 ** 20;

/** A file as the file system has it, for comparing: without what a restore by another user cannot set. */
export interface TreeEntry {
  /** As in `ListedFile`: that of a directory ends in `/`. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly size: number;
  readonly sha256: string;
  readonly mode: string;
  /** Milliseconds since 1970; a float, so right to less than a microsecond. */
  readonly modified: number;
  /** A link's target, percent-encoded. */
  readonly target?: string;
}

/** A directory whose names and contents are hard on a backup. Names are bytes; some are not UTF-8. */
export class SourceTree {
  readonly root: string;

  constructor() {
    this.root = mkdtempSync(join(tmpdir(), 'holdfast-source-'));
  }

  /** Plants everything. */
  plant(): void {
    const random = new SeededRandom('source tree');
    for (const name of oddNames)
      this.write(Buffer.concat([Buffer.from('odd/'), Buffer.from(name)]), `in ${name.toString()}`);
    this.write('empty', '');
    this.write('one-byte', '\0');
    this.write('big/noise', random.bytes(20 * mib));
    this.write('big/text', 'the same line again and again\n'.repeat(200_000));
    this.write('big/zeros-then-noise', Buffer.concat([new Uint8Array(9 * mib), random.bytes(mib)]));
    this.writeSparse('big/sparse', 40 * mib + 1);
    for (let number = 0; number < 600; number += 1)
      this.write(`many/${number % 7}/${number}`, `content ${number}`);
    mkdirSync(join(this.root, 'no-files', 'below'), { recursive: true });
    mkdirSync(join(this.root, 'links'));
    symlinkSync('../big/noise', join(this.root, 'links', 'relative'));
    symlinkSync('/nowhere/Größe', join(this.root, 'links', 'dangling'));
    symlinkSync(Buffer.from([0xff, 0xfe]), join(this.root, 'links', 'bytes'));
    symlinkSync('..', join(this.root, 'links', 'circle'));
  }

  write(path: string | Uint8Array, content: string | Uint8Array): void {
    const full = Buffer.concat([Buffer.from(`${this.root}/`), Buffer.from(path)]);
    mkdirSync(full.subarray(0, full.lastIndexOf('/')), { recursive: true });
    writeFileSync(full, content);
  }

  /** A file that takes no space but for its beginning; the rest is zeros. */
  writeSparse(path: string, bytes: number, beginning: Uint8Array = new Uint8Array()): void {
    this.write(path, beginning);
    truncateSync(join(this.root, path), bytes);
  }

  delete(path: string): void {
    rmSync(join(this.root, path), { recursive: true });
  }

  /** Everything as it is now, in the order of paths. */
  list(): readonly TreeEntry[] {
    return listTree(this.root);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

const oddNames: readonly (string | Buffer)[] = [
  ' ',
  'a-',
  'a.b',
  'a0',
  'a/b',
  '-rf',
  'line\nbreak',
  '"quoted" \\ `$(x)` *?[]',
  '%2F%00%',
  '\u0001\u007f',
  '\u202Eright-to-left',
  'NFC-\u00e9',
  'NFD-e\u0301',
  '日本語/🙂‍↕️',
  `${'x'.repeat(255)}/${'y'.repeat(255)}`,
  Buffer.from([0xff, 0xfe, 0x80]),
  Buffer.from([...Buffer.from('latin1-'), 0xe9]),
];

const emptyContent = { size: 0, sha256: createHash('sha256').digest('hex') };

/** Every file, directory and link below a directory, read by the system's own calls, in the order of paths' bytes. */
export function listTree(root: string): readonly TreeEntry[] {
  const listed = [...entriesBelow(Buffer.from(`${root}/`), '')];
  return listed.sort((one, other) => Buffer.compare(one.bytes, other.bytes)).map(({ entry }) => entry);
}

function* entriesBelow(
  folder: Buffer,
  prefix: string,
): Generator<{ readonly bytes: Buffer; readonly entry: TreeEntry }> {
  for (const name of readdirSync(folder, { encoding: 'buffer' })) {
    const full = Buffer.concat([folder, name]);
    // One character for each byte.
    const path = `${prefix}${name.toString('latin1')}`;
    const stats = lstatSync(full);
    const content = stats.isFile() ? hashFile(full) : emptyContent;
    const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'symlink';
    const bytes = Buffer.from(kind === 'directory' ? `${path}/` : path, 'latin1');
    yield {
      bytes,
      entry: {
        path: quotePath(bytes),
        kind,
        ...content,
        mode: (stats.mode & 0o7777).toString(8).padStart(4, '0'),
        modified: stats.mtimeMs,
        ...(kind === 'symlink' && { target: quotePath(readlinkSync(full, { encoding: 'buffer' })) }),
      },
    };
    if (stats.isDirectory()) yield* entriesBelow(Buffer.concat([full, Buffer.from('/')]), `${path}/`);
  }
}

function hashFile(path: Buffer): { readonly size: number; readonly sha256: string } {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(mib);
  const file = openSync(path, 'r');
  try {
    for (let size = 0; ;) {
      const count = readSync(file, piece);
      if (count === 0) return { size, sha256: hash.digest('hex') };
      hash.update(piece.subarray(0, count));
      size += count;
    }
  } finally {
    closeSync(file);
  }
}
